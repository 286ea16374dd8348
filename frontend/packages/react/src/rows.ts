/** The element of a message in the list; null if it is not in the document. */
export function rowOf(box: HTMLElement | null, key: string): HTMLElement | null {
  const rows = box?.querySelectorAll<HTMLElement>('[data-key]') ?? [];
  return [...rows].find((row) => row.dataset['key'] === key) ?? null;
}
