import { Mark } from '../shell/mark.tsx';
import { usePageTitle } from '../shell/page-title.ts';

/** Beside the list, while no conversation is open. */
export function Hint() {
  usePageTitle(null);
  return (
    <div className="empty-state">
      <Mark />
      <h2>Your messages</h2>
      <p>Choose a conversation from the list, or start one with somebody's handle.</p>
    </div>
  );
}
