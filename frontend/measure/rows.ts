import budgets from '../budgets.json' with { type: 'json' };

/** The name of a budget in `budgets.json`. */
export type Budget = {
  [Name in keyof typeof budgets]: (typeof budgets)[Name] extends number ? Name : never;
}[keyof typeof budgets];

export type Unit = 'ms' | 'bytes' | 'count' | 'ratio' | 'score';

/** A row of the table. */
export interface Row {
  name: string;
  /** Null if it was not measured; the note says why. */
  value: number | null;
  unit: Unit;
  /** The largest allowed value; null if there is no budget. */
  budget: number | null;
  note: string;
}

/** The name of the attachment that carries rows from a test to the reporter. */
export const ROWS = 'measures';

export function row(name: string, value: number | null, unit: Unit, budget?: Budget, note = ''): Row {
  return { name, value, unit, budget: budget === undefined ? null : budgets[budget], note };
}

export function isExceeded({ value, budget }: Row): boolean {
  return budget !== null && (value === null || value > budget);
}

export function markdown(rows: readonly Row[]): string {
  const lines = rows.map((measured) => {
    const { name, value, unit, budget, note } = measured;
    const result = budget === null ? '' : isExceeded(measured) ? 'FAILED' : 'ok';
    const cells = [
      note === '' ? name : `${name} (${note})`,
      value === null ? 'not measured' : format(value, unit),
      budget === null ? '' : `≤ ${format(budget, unit)}`,
      result,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| measure | value | budget | result |', '|---|--:|--:|---|', ...lines, ''].join('\n');
}

function format(value: number, unit: Unit): string {
  switch (unit) {
    case 'ms':
      return `${value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 2 : 0 })} ms`;
    case 'bytes':
      return `${value.toLocaleString('en-US')} B`;
    case 'ratio':
      return value.toFixed(2);
    case 'count':
    case 'score':
      return String(value);
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
