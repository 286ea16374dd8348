export const pause = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis));

/** Waits until a condition holds. Returns whether it does within `seconds`. */
export async function until(condition: () => boolean | Promise<boolean>, seconds: number, every = 100): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > end) {
      return false;
    }
    await pause(every);
  }
  return true;
}
