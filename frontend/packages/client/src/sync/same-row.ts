/** Whether two rows of the API have the same fields, in any order: lists and events may order them differently. */
export function isSameRow(a: object, b: object): boolean {
  return Object.keys(a).length === Object.keys(b).length && JSON.stringify({ ...a, ...b }) === JSON.stringify(a);
}
