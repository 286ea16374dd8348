import type { ElementHandle } from '@playwright/test';
import { composer } from '../e2e/test.ts';
import { Cpu } from './cpu.ts';
import { type Opened, type Page, REPETITIONS, conversationBox, expect, loadTenThousand, painted, test } from './measure.ts';
import { median, row } from './rows.ts';

test('sending', async ({ openLists, report }) => {
  const few = await openLists({ messages: 30, conversations: 30 });
  await conversationBox(few.page, few.lists.newestText);
  const short = await perSend(few);
  await few.page.close();

  const many = await openLists({ messages: 10_000, conversations: 30 });
  await loadTenThousand(many);
  const long = await perSend(many);
  await report(
    row('CPU per send until its tick, 30 messages', short, 'ms'),
    row('CPU per send until its tick, 10,000 messages', long, 'ms'),
    row('send, 10,000 messages to 30', long / short, 'ratio'),
  );
});

/** Milliseconds from Enter to the frame with the tick. The first send, which scrolls to the end, does not count. */
async function perSend({ page, lists }: Opened): Promise<number> {
  const cpu = await Cpu.of(page);
  const field = await composer(page).elementHandle();
  if (field === null) {
    throw new Error('the conversation has no composer');
  }
  const sends: number[] = [];
  for (let repetition = 0; repetition <= REPETITIONS; repetition += 1) {
    const { frames } = lists;
    sends.push(await lists.withoutFrames(() => oneSend(page, field, cpu, `Message ${repetition} from here`)));
    // The conversation gets the message from its frame.
    await expect.poll(() => lists.frames, { timeout: 60_000 }).toBeGreaterThan(frames);
    await painted(page);
  }
  return median(sends.slice(1));
}

async function oneSend(page: Page, field: ElementHandle, cpu: Cpu, text: string): Promise<number> {
  await field.focus();
  await page.keyboard.insertText(text);
  await page.waitForTimeout(500);
  await painted(page);
  await page.evaluate((sent) => {
    const rows = 'li, article, [role=listitem], [role=article]';
    const isTick = (element: Element) =>
      (element.getAttribute('aria-label') ?? element.textContent).trim() === 'Sent';
    const hasTick = (node: Node) => {
      const element = node instanceof Element ? node : node.parentElement;
      const around = element?.closest(rows);
      const candidates = around ? [around] : [...(element?.querySelectorAll(rows) ?? [])];
      return candidates.some((one) => one.textContent.includes(sent) && [...one.querySelectorAll('*')].some(isTick));
    };
    const ticked = new Promise<void>((resolve, reject) => {
      setTimeout(() => reject(new Error(`no tick at "${sent}" within a minute`)), 60_000);
      const observer = new MutationObserver((records) => {
        if (records.some(({ target, addedNodes }) => hasTick(target) || [...addedNodes].some(hasTick))) {
          observer.disconnect();
          requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)));
        }
      });
      observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    });
    Object.assign(window, { ticked });
  }, text);
  return await cpu.during(async () => {
    await page.keyboard.press('Enter');
    await page.evaluate(() => (window as unknown as { ticked: Promise<void> }).ticked);
  });
}
