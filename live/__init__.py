"""The live hosts of the core: browser, headless peer, server. Nothing is here yet but the place."""
