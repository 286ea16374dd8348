import { Cpu } from './cpu.ts';
import { type Opened, REPETITIONS, conversationBox, expect, loadTenThousand, painted, test } from './measure.ts';
import { median, row } from './rows.ts';

test('receiving', async ({ openLists, report }) => {
  const few = await openLists({ messages: 30, conversations: 30 });
  await conversationBox(few.page, few.lists.newestText);
  const short = await perFrame(few);
  await few.page.close();

  const many = await openLists({ messages: 10_000, conversations: 30 });
  await loadTenThousand(many);
  const long = await perFrame(many);
  await report(
    row('CPU per received message, 30 messages', short, 'ms'),
    row('CPU per received message, 10,000 messages', long, 'ms'),
    row('received message, 10,000 messages to 30', long / short, 'ratio'),
  );
});

/** Milliseconds from a frame until its message is painted. The first one, which scrolls to the end, does not count. */
async function perFrame({ page, lists }: Opened): Promise<number> {
  const cpu = await Cpu.of(page);
  const button = page.getByRole('button', { name: /newest|new message/ });
  if (await button.isVisible()) {
    await button.click();
  }
  const spent: number[] = [];
  for (let repetition = 0; repetition <= REPETITIONS; repetition += 1) {
    const text = `Message ${repetition} from there`;
    spent.push(
      await cpu.during(async () => {
        lists.receive(text);
        await expect(page.getByRole('region', { name: 'Messages' }).getByText(text, { exact: true })).toBeVisible();
        await painted(page);
      }),
    );
  }
  return median(spent.slice(1));
}
