import { usePageTexts } from '../texts/texts.tsx';
import { Logo } from './logo.tsx';

/** Shown beside the inbox while no conversation is open. */
export function Hint() {
  const { text } = usePageTexts();
  return (
    <div className="cruddur-empty-state">
      <Logo />
      <h2>{text('screen.hintTitle')}</h2>
      <p>{text('screen.hint')}</p>
    </div>
  );
}
