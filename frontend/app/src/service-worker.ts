/** Registers the worker that keeps the page for starts without a network. Browsers need https or localhost for it. */
export async function registerServiceWorker(): Promise<void> {
  if (import.meta.env.PROD) {
    try {
      await navigator.serviceWorker?.register(`${import.meta.env.BASE_URL}service-worker.js`);
    } catch {
      // The browser denies site data, or the host does not serve the file. The page works without it.
    }
  }
}
