import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FullResult, Reporter, TestCase, TestResult } from '@playwright/test/reporter';
import { ROWS, type Row, isExceeded, markdown } from './rows.ts';

/** Path of the results without extension. */
const output = process.env['MEASURE_OUTPUT'] ?? fileURLToPath(new URL('results/measures', import.meta.url));
const onlyReports = process.env['MEASURE_REPORT'] === '1';

/** Prints the table, writes it as Markdown and JSON, and fails the run if a budget is exceeded. */
export default class Table implements Reporter {
  readonly #rows: Row[] = [];

  onTestEnd(_test: TestCase, { attachments }: TestResult): void {
    for (const { name, body } of attachments) {
      if (name === ROWS && body !== undefined) {
        this.#rows.push(...(JSON.parse(body.toString()) as Row[]));
      }
    }
  }

  async onEnd({ status }: FullResult): Promise<{ status: FullResult['status'] }> {
    const exceeded = this.#rows.filter(isExceeded);
    const text = markdown(this.#rows);
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(`${output}.md`, text);
    writeFileSync(`${output}.json`, `${JSON.stringify(this.#rows, null, 2)}\n`);
    process.stdout.write(`\n${text}\n${exceeded.length} over budget; written to ${output}.md and ${output}.json\n`);
    return { status: status === 'passed' && exceeded.length > 0 && !onlyReports ? 'failed' : status };
  }

  printsToStdio(): boolean {
    return true;
  }
}
