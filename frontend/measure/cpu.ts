import type { CDPSession, Page } from '@playwright/test';

/** CPU time of a page's main thread, which does not depend on the load of the machine. */
export class Cpu {
  readonly #session: CDPSession;

  private constructor(session: CDPSession) {
    this.#session = session;
  }

  static async of(page: Page): Promise<Cpu> {
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    return new Cpu(session);
  }

  /** Milliseconds that an action takes: scripts, style, layout and paint, without commands of the test itself. */
  async during(action: () => Promise<unknown>): Promise<number> {
    const before = await this.#now();
    await action();
    return (await this.#now()) - before;
  }

  async #now(): Promise<number> {
    const { metrics } = await this.#session.send('Performance.getMetrics');
    const seconds = (name: string) => {
      const metric = metrics.find((one) => one.name === name);
      if (metric === undefined) {
        throw new Error(`Chromium reports no ${name}`);
      }
      return metric.value;
    };
    return 1000 * (seconds('TaskDuration') - seconds('DevToolsCommandDuration'));
  }
}
