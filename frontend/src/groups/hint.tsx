import { Logo } from '../shell/logo.tsx';
import { usePageTitle } from '../shell/page-title.ts';

/** Shown beside the inbox while no conversation is open. */
export function Hint() {
  usePageTitle(null);
  return (
    <div className="empty-state">
      <Logo />
      <h2>Your messages</h2>
      <p>Choose a conversation from the list, or start one with someone's handle.</p>
    </div>
  );
}
