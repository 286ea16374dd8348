import type { ElementHandle } from '@playwright/test';
import { Cpu } from './cpu.ts';
import { type Opened, REPETITIONS, conversationBox, expect, inboxBox, loadTenThousand, painted, scrolledTo, test } from './measure.ts';
import { median, row } from './rows.ts';

/** Pixels per frame: slightly less than a row, a fast flick of the wheel. */
const STEP = 60;
const FRAMES = 40;
/** Pixels to both ends, where lists load pages and follow new rows. */
const MARGIN = 100;

test('messages', async ({ openLists, report }) => {
  const few = await openLists({ messages: 30, conversations: 30 });
  const short = await perFrame(few, await conversationBox(few.page, few.lists.newestText), 'up');
  await few.page.close();

  const many = await openLists({ messages: 10_000, conversations: 30 });
  const long = await perFrame(many, await loadTenThousand(many), 'up');
  await report(
    row('CPU per scroll frame, 30 messages', short, 'ms'),
    row('CPU per scroll frame, 10,000 messages', long, 'ms'),
    row('scroll frame, 10,000 messages to 30', long / short, 'ratio', 'scroll_ratio_10000_messages'),
  );
});

test('inbox', async ({ openLists, report }) => {
  const few = await openLists({ messages: 30, conversations: 30, path: '/messages' });
  const plain = await perFrame(few, await inboxBox(few.page), 'down');
  await few.page.close();

  /** Per frame of a list that is long enough to be virtualized. */
  const virtualized = async (conversations: number) => {
    const opened = await openLists({ messages: 30, conversations, path: '/messages' });
    opened.lists.rowsPerPage = 500;
    const box = await inboxBox(opened.page);
    await scrolledTo('bottom', box, () =>
      expect.poll(() => opened.lists.loadedConversations, { timeout: 10 * 60_000 }).toBe(conversations),
    );
    const frame = await perFrame(opened, box, 'down');
    await opened.page.close();
    return frame;
  };
  const short = await virtualized(60);
  const long = await virtualized(2000);
  await report(
    row('CPU per scroll frame, 30 conversations, not virtualized', plain, 'ms'),
    row('CPU per scroll frame, 60 conversations', short, 'ms'),
    row('CPU per scroll frame, 2,000 conversations', long, 'ms'),
    row('scroll frame, 2,000 conversations to 60', long / short, 'ratio', 'scroll_ratio_2000_conversations'),
  );
});

type Direction = 'up' | 'down';

/** Milliseconds per frame, from the newest rows to older ones. Turns around at the ends of a short list. */
async function perFrame({ page }: Opened, box: ElementHandle<Element>, older: Direction): Promise<number> {
  const cpu = await Cpu.of(page);
  await painted(page);
  const scroll = (frames: number) => scrollFrames(box, frames);
  await box.evaluate(
    (element, { direction, margin, step }) => {
      element.scrollTop = direction === 'down' ? margin : element.scrollHeight - element.clientHeight - margin;
      Object.assign(window, { step: direction === 'down' ? step : -step });
    },
    { direction: older, margin: MARGIN, step: STEP },
  );
  // Lets a request end whose answer was on its way.
  await page.waitForTimeout(300);
  await painted(page);
  await scroll(10);
  const frames: number[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    frames.push((await cpu.during(() => scroll(FRAMES))) / FRAMES);
  }
  return median(frames);
}

/** Continues in the direction of the last call. */
async function scrollFrames(box: ElementHandle<Element>, frames: number): Promise<void> {
  await box.evaluate(
    (element, { count, margin }) =>
      new Promise<void>((resolve) => {
        const place = window as unknown as { step: number };
        const lowest = element.scrollHeight - element.clientHeight - margin;
        let left = count;
        const next = () => {
          if (left === 0) {
            resolve();
            return;
          }
          left -= 1;
          const top = element.scrollTop + place.step;
          if ((place.step < 0 && top < margin) || (place.step > 0 && top > lowest)) {
            place.step = -place.step;
          }
          element.scrollTop += place.step;
          requestAnimationFrame(next);
        };
        requestAnimationFrame(next);
      }),
    { count: frames, margin: MARGIN },
  );
}
