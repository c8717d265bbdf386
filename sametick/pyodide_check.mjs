// @ts-check
// Asks scenarios.probe under Pyodide: node pyodide_check.mjs PYODIDE_FOLDER SOURCES_ZIP REQUEST_JSON ANSWER_JSON
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, sources, request, answer] = process.argv.slice(2);
try {
  const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")).href);
  const python = await loadPyodide({ indexURL: `${folder}/`, stdout: () => {} });
  python.unpackArchive(new Uint8Array(await readFile(sources)), "zip", { extractDir: "/sametick" });
  python.runPython("import sys; sys.path.insert(0, '/sametick')");
  const probe = python.pyimport("scenarios.probe");
  await writeFile(answer, probe.answer(await readFile(request, "utf8")));
} catch (error) {
  // Only the message: Node would print the line of source, which for Pyodide is a megabyte.
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
