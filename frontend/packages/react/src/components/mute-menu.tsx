import { FOREVER, instantOf } from '@cruddur/client';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { Menu, MenuItem } from './menu.tsx';

const HOUR = 3_600_000;
const DURATIONS = [
  ['mute.hour', HOUR],
  ['mute.hours', 8 * HOUR],
  ['mute.week', 7 * 24 * HOUR],
] as const;

interface Props {
  anchor: MenuAnchor;
  /** Called with the instant at which the mute ends. */
  onMute: (until: string) => void;
  onClose: () => void;
}

/** The durations for which a conversation can be muted. */
export function MuteMenu({ anchor, onMute, onClose }: Props) {
  const { text } = useTexts();
  return (
    <Menu label={text('mute.label')} anchor={anchor} onClose={onClose}>
      {DURATIONS.map(([key, millis]) => (
        <MenuItem key={key} onSelect={() => onMute(instantOf(Date.now() + millis))}>
          {text(key)}
        </MenuItem>
      ))}
      <MenuItem onSelect={() => onMute(FOREVER)}>{text('mute.forever')}</MenuItem>
    </Menu>
  );
}
