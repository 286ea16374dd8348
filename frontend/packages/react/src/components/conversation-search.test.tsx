import { type Message, MessagesClient, Timeline } from '@cruddur/client';
import { act, render, screen } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { useState } from 'react';
import { expect, test, vi } from 'vitest';
import { FakeStack } from '../../../../app/src/testing/fake-stack.ts';
import { MessagesProvider } from '../provider.tsx';
import { ConversationSearch } from './conversation-search.tsx';

const stack = new FakeStack();
const client = new MessagesClient({ url: '', user: 'me', credentials: () => Promise.resolve(null) });
const pages: number[] = [];
const onMatch = vi.fn<(key: string | null) => void>();
let load: (() => void) | null = null;

/** The search in messages of which the last 30 are loaded. `load` loads the page that was requested last. */
function Page({ messages }: { messages: readonly Message[] }) {
  const [timeline] = useState(() => new Timeline());
  const [loaded, setLoaded] = useState(30);
  const [isLoading, setLoading] = useState(false);
  return (
    <MessagesProvider client={client}>
      <ConversationSearch
        items={timeline.items(messages.slice(-loaded), [], null)}
        hasOlder={loaded < messages.length}
        isLoading={isLoading}
        problem={null}
        onOlder={(limit) => {
          pages.push(limit);
          setLoading(true);
          load = () => {
            setLoading(false);
            setLoaded(loaded + limit);
          };
        }}
        onMatch={onMatch}
        onClose={() => undefined}
      />
    </MessagesProvider>
  );
}

const place = (text: string) => screen.findByText(text, { selector: '.cruddur-search-place' });
const loadAll = async (count: number) => {
  for (let page = 0; page < count; page += 1) {
    // oxlint-disable-next-line no-await-in-loop
    await vi.waitFor(() => expect(load).not.toBeNull());
    const loadPage = load;
    load = null;
    act(() => loadPage?.());
  }
};

test('the search starts with the newest match, loads older messages until there is another, and stops after 1000', async () => {
  const messages = Array.from({ length: 1300 }, (_, index) =>
    stack.message('lore', [7, 1280, 1290].includes(index) ? `Café ${index}` : `${index}`, 1000 + index),
  );
  const [deleted] = messages.splice(1295, 1);
  messages.splice(1295, 0, Object.assign({}, deleted, { message: 'Café', deleted_at: deleted?.created_at }));
  const user = userEvent.setup();
  render(<Page messages={messages} />);
  await user.keyboard('CAFE');
  expect(await place('1 of 2')).toBeTruthy();
  expect(onMatch).toHaveBeenLastCalledWith(messages[1290]?.uuid);
  expect(await screen.findByText('29 messages searched')).toBeTruthy();
  await user.keyboard('{Enter}');
  expect(await place('2 of 2')).toBeTruthy();
  expect(pages).toEqual([]);

  await user.keyboard('{Enter}');
  await loadAll(10);
  expect(await screen.findByText('1,029 messages searched')).toBeTruthy();
  expect(load).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Search older messages' }));
  await loadAll(3);
  expect(await place('3 of 3')).toBeTruthy();
  expect(await screen.findByText('Match 3 of 3. Lore Winters: Café 7')).toBeTruthy();
  expect(onMatch).toHaveBeenLastCalledWith(messages[7]?.uuid);
  expect(pages).toEqual(Array.from({ length: 13 }, () => 100));
  expect(screen.queryByRole('button', { name: 'Search older messages' })).toBeNull();
});

test('the search can be stopped', async () => {
  const messages = Array.from({ length: 300 }, (_, index) => stack.message('lore', `${index}`, 1000 + index));
  const user = userEvent.setup();
  pages.length = 0;
  render(<Page messages={messages} />);
  await user.keyboard('nothing');
  await user.click(await screen.findByRole('button', { name: 'Stop' }));
  await loadAll(1);
  expect(await place('No matches')).toBeTruthy();
  expect(screen.getByText('130 messages searched')).toBeTruthy();
  expect(pages).toEqual([100]);
});
