// Writes the style sheets of the package, with the files that they import in their places.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const source = new URL('src/styles/', import.meta.url);
const dist = new URL('dist/', import.meta.url);

function bundled(file) {
  const css = readFileSync(new URL(file, source), 'utf8');
  return css.replaceAll(/@import '([^']+)';\n/g, (_, imported) => `${bundled(imported)}\n`);
}

mkdirSync(new URL('styles/', dist));
for (const [from, to] of [
  ['index.css', 'styles'],
  ['list.css', 'styles/list'],
  ['overlays.css', 'styles/overlays'],
  ['conversation.css', 'styles/conversation'],
]) {
  writeFileSync(new URL(`${to}.css`, dist), bundled(from));
  // TypeScript resolves the import of the style sheet to it.
  writeFileSync(new URL(`${to}.d.ts`, dist), 'export {};\n');
}
