// @ts-check
// Runs tests/support/session_trace.py under Pyodide: node session_trace.mjs PYODIDE_FOLDER SOURCES_ZIP
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, sources] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: `${folder}/` });
python.unpackArchive(new Uint8Array(await readFile(sources)), "zip", { extractDir: "/sametick" });
console.log(
  python.runPython(`
    import json, sys
    sys.path.insert(0, "/sametick")
    import session_trace
    json.dumps(session_trace.traces())
  `),
);
