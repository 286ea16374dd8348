import { useBaseTexts } from '../context.ts';
import { ClockIcon } from './icon.tsx';

/** The mark of an unsent text in the inbox: a badge if its author has to act, otherwise a clock. */
export function UnsentMark({ isStuck }: { isStuck: boolean }) {
  const label = useBaseTexts().text('inbox.notSent');
  return isStuck ? (
    <span className="cruddur-badge">{label}</span>
  ) : (
    <>
      <ClockIcon />
      <span className="cruddur-visually-hidden">{label}</span>
    </>
  );
}
