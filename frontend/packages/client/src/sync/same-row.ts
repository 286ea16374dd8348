/** Whether two rows of the API have the same fields. The API writes fields in one order. */
export function isSameRow(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
