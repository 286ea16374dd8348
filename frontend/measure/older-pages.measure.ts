import { Cpu } from './cpu.ts';
import { REPETITIONS, conversationBox, painted, scrolledTo, test } from './measure.ts';
import { median, row } from './rows.ts';

/** Milliseconds per page beyond which 10,000 messages would take too long to load. */
const FEASIBLE = 100;

test('older pages', async ({ openLists, report }) => {
  const first: number[] = [];
  const second: number[] = [];
  const rest: number[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    const { page, lists } = await openLists({ messages: 10_100, conversations: 30, gated: true });
    const box = await conversationBox(page, lists.newestText);
    const cpu = await Cpu.of(page);
    const perPage = async (messages: number) => {
      const before = lists.olderPages;
      const spent = await cpu.during(async () => {
        await lists.openUntil(messages);
        await painted(page);
      });
      return spent / (lists.olderPages - before);
    };
    await scrolledTo('top', box, async () => {
      first.push(await perPage(1000));
      second.push(await perPage(2000));
      if (median(second) <= FEASIBLE) {
        rest.push(await perPage(10_000));
      }
    });
    await page.close();
  }
  const [firstPage, secondPage] = [median(first), median(second)];
  const restPage = rest.length === 0 ? null : median(rest);
  await report(
    row('CPU per older page, 30 to 1,000 messages', firstPage, 'ms'),
    row('CPU per older page, 1,000 to 2,000 messages', secondPage, 'ms'),
    row('older pages, second thousand to first', secondPage / firstPage, 'ratio', 'older_pages_ratio_second_thousand'),
    row(
      'CPU per older page, 2,000 to 10,000 messages',
      restPage,
      'ms',
      undefined,
      restPage === null ? `a page costs more than ${FEASIBLE} ms` : '',
    ),
    row('older pages, 2,000 to 10,000 to first thousand', restPage === null ? null : restPage / firstPage, 'ratio'),
  );
});
