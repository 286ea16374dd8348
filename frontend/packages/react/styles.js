// Writes the style sheet of the package: the files that src/styles/index.css imports, one after the other.
import { readFileSync, writeFileSync } from 'node:fs';

const folder = new URL('src/styles/', import.meta.url);
const imports = readFileSync(new URL('index.css', folder), 'utf8').matchAll(/@import '([^']+)';/g);
const files = [...imports].map(([, file]) => readFileSync(new URL(file, folder), 'utf8'));
writeFileSync(new URL('dist/styles.css', import.meta.url), files.join('\n'));
// TypeScript resolves the import of the style sheet to it.
writeFileSync(new URL('dist/styles.d.ts', import.meta.url), 'export {};\n');
