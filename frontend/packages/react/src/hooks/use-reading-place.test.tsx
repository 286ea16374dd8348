import type { TimelineItem } from '@cruddur/client';
import { act, fireEvent, render, screen } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import { useReadingPlace } from './use-reading-place.ts';

const ITEMS: readonly TimelineItem[] = [];
const layout = { scrollHeight: 1000, clientHeight: 400 };

function List() {
  const { box, atEnd, onScroll } = useReadingPlace(ITEMS, 0);
  return (
    <section aria-label="messages" ref={box} onScroll={onScroll}>
      {atEnd ? 'at the end' : 'elsewhere'}
    </section>
  );
}

const list = () => screen.getByRole('region');

/** Scrolls the list, as the browser, the virtualizer or a person does. */
function scroll(scrollTop: number, scrollHeight = layout.scrollHeight): void {
  layout.scrollHeight = scrollHeight;
  list().scrollTop = scrollTop;
  fireEvent.scroll(list());
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  layout.scrollHeight = 1000;
  render(<List />);
  Object.defineProperties(list(), { scrollHeight: { get: () => layout.scrollHeight }, clientHeight: { get: () => layout.clientHeight } });
  scroll(600);
  act(() => vi.advanceTimersByTime(1000));
});

test('the end stays in view if the virtualizer scrolls up after a message has become lower', () => {
  scroll(540, 940);
  scroll(480);
  expect(list().scrollTop).toBe(940);
  expect(list().textContent).toBe('at the end');
});

test('a person leaves the end, also just after a change', () => {
  scroll(540, 940);
  fireEvent.wheel(list());
  scroll(480);
  expect(list().scrollTop).toBe(480);
  expect(list().textContent).toBe('elsewhere');
});

test('a later scroll up leaves the end', () => {
  scroll(540, 940);
  act(() => vi.advanceTimersByTime(1000));
  scroll(480);
  expect(list().textContent).toBe('elsewhere');
});
