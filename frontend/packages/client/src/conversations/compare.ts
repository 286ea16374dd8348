/** Compares two texts by code units, for sorting. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
