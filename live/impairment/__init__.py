"""The scenario's network on a real data path: a relay of UDP datagrams between the peers' candidates."""
