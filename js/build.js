// Bundles src/ into the two files the Python package ships. `--check` writes nothing and fails
// where the files that are there are not what the sources make.
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { build } from "esbuild";

const PLACE = new URL("../daam_nb/show/explorer/static/", import.meta.url);
const BANNER = "// Built from js/src by `make js`; edit the sources, not this file.\n";

const made = await build({
  absWorkingDir: new URL(".", import.meta.url).pathname,
  entryPoints: ["src/index.js"],
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  write: false,
  // Names stay: the hand-out's inline script calls `mount` by its name, and people can read it.
  minifySyntax: true,
});
const style = await readFile(new URL("src/explorer.css", import.meta.url), "utf8");
const files = [
  ["explorer.js", BANNER + made.outputFiles[0].text],
  ["explorer.css", style],
];

await mkdir(PLACE, { recursive: true });
const stale = [];
for (const [name, text] of files) {
  const file = new URL(name, PLACE);
  if (!process.argv.includes("--check")) await writeFile(file, text);
  else if ((await readFile(file, "utf8").catch(() => "")) !== text) stale.push(name);
}
if (stale.length > 0) {
  console.error(`${stale.join(" and ")} in daam_nb/show/explorer/static: not what js/src makes.`);
  console.error("Run `make js` (or `npm run build` in js/) and commit the result.");
  process.exit(1);
}
