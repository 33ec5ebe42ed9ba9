import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, sourceType: "module" },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "max-lines": ["error", { max: 500 }],
      "max-lines-per-function": ["error", { max: 90, skipBlankLines: true, skipComments: true }],
      // Text from a recording is never markup.
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Set textContent." },
        { property: "outerHTML", message: "Set textContent." },
        { property: "insertAdjacentHTML", message: "Set textContent." },
      ],
    },
  },
  { files: ["src/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["test/**/*.js", "*.js"], languageOptions: { globals: globals.node } },
];
