import { useBaseTexts } from '../context.ts';
import { Icon } from './icon.tsx';

/** The mark of a muted conversation. */
export function MutedMark() {
  const { text } = useBaseTexts();
  return (
    <span className="cruddur-muted-mark">
      <Icon>
        <path d="M7 8v4l-2 4h11M9 4a5 5 0 0 1 8 4v4M10 20h4M4 4l16 16" />
      </Icon>
      <span className="cruddur-visually-hidden">{text('inbox.muted')}</span>
    </span>
  );
}
