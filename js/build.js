// Bundles src/ into the files the Python package ships: a module and a style sheet for each widget.
// `--check` writes nothing and fails where the files that are there are not what the sources make.
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const SHOW = new URL("../daam_nb/show/", import.meta.url);
const BANNER = "// Built from js/src by `make js`; edit the sources, not this file.\n";
// Module, style sheet -> what they make, below daam_nb/show.
const ENTRIES = [
  ["src/index.js", "src/explorer.css", "explorer/static/explorer"],
  ["src/rating/index.js", "src/rating/rating.css", "rating/static/rating"],
];

const files = [];
for (const [script, style, target] of ENTRIES) {
  const made = await build({
    absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
    entryPoints: [script],
    bundle: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    write: false,
    // Every display and every hand-out carries it. Names stay: the hand-out's inline script calls
    // `mount` by its name, and an error in a page can be understood.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
  });
  files.push([`${target}.js`, BANNER + made.outputFiles[0].text]);
  const styles = await readFile(new URL(style, import.meta.url), "utf8");
  const small = await transform(styles, { loader: "css", minifyWhitespace: true, lineLimit: 160 });
  files.push([`${target}.css`, small.code]);
}

const stale = [];
for (const [name, text] of files) {
  const file = new URL(name, SHOW);
  await mkdir(new URL(".", file), { recursive: true });
  if (!process.argv.includes("--check")) await writeFile(file, text);
  else if ((await readFile(file, "utf8").catch(() => "")) !== text) stale.push(name);
}
if (stale.length > 0) {
  console.error(`${stale.join(" and ")} in daam_nb/show: not what js/src makes.`);
  console.error("Run `make js` (or `npm run build` in js/) and commit the result.");
  process.exit(1);
}
