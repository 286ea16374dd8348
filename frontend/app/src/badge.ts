/** Shows a number on the icon of the installed page; none for zero. */
export async function setBadge(count: number): Promise<void> {
  try {
    // Not in all browsers.
    await (navigator as Partial<Navigator>).setAppBadge?.(count);
  } catch {
    // The browser does not allow it.
  }
}
