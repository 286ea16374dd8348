import { screen, within } from '@testing-library/react';

/** The composer's field of the conversation with a user. */
export function field(name = 'Scarlett Ho'): Promise<HTMLElement> {
  return screen.findByRole('textbox', { name: `Message to ${name}` });
}

/** A matcher for the innermost element with this whole text, including the text of child elements. */
export function wholeText(text: string | RegExp): (_: string, element: Element | null) => boolean {
  const matches = (content: string | null) =>
    content !== null && (typeof text === 'string' ? content === text : text.test(content));
  return (_, element) =>
    matches(element?.textContent ?? null) && ![...(element?.children ?? [])].some((child) => matches(child.textContent));
}

/** The storage keys of unsent messages and drafts. */
export function storedKeys(): string[] {
  return Object.keys(localStorage).filter((key) => /^cruddur\.(outbox|draft)\./.test(key));
}

/** The inbox. */
export function list(): Promise<HTMLElement> {
  return screen.findByRole('navigation', { name: 'Conversations' });
}

/** The message texts of the open conversation, oldest first. */
export function shownTexts(): string[] {
  return within(screen.getByRole('region', { name: 'Messages' }))
    .queryAllByRole('listitem')
    .flatMap((item) => item.querySelector('.cruddur-bubble')?.textContent ?? []);
}
