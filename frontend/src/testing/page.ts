import { screen, within } from '@testing-library/react';

/** The field of the conversation with somebody. */
export function field(name = 'Scarlett Ho'): Promise<HTMLElement> {
  return screen.findByRole('textbox', { name: `Message to ${name}` });
}

/** Matches the innermost element by its whole text, including the text of child elements. */
export function says(text: string | RegExp): (_: string, element: Element | null) => boolean {
  const matches = (content: string | null) =>
    content !== null && (typeof text === 'string' ? content === text : text.test(content));
  return (_, element) =>
    matches(element?.textContent ?? null) && ![...(element?.children ?? [])].some((child) => matches(child.textContent));
}

/** The storage keys of unsent messages and drafts. */
export function keptKeys(): string[] {
  return Object.keys(localStorage).filter((key) => /^cruddur\.(outbox|draft)\./.test(key));
}

/** The list of conversations. */
export function list(): Promise<HTMLElement> {
  return screen.findByRole('navigation', { name: 'Conversations' });
}

/** The texts of the conversation, as they are shown, oldest first. */
export function shown(): string[] {
  return within(screen.getByRole('region', { name: 'Messages' }))
    .queryAllByRole('listitem')
    .map((item) => item.querySelector('.bubble')?.textContent ?? '');
}
