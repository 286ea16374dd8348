import { screen, within } from '@testing-library/react';

/** The field of the conversation with somebody. */
export function field(name = 'Scarlett Ho'): Promise<HTMLElement> {
  return screen.findByRole('textbox', { name: `Message to ${name}` });
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
