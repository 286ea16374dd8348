import { FOREVER, instantOf } from '@cruddur/client';
import type { ConversationSettings } from '../conversation-settings.ts';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { Menu, MenuItem } from './menu.tsx';

const HOUR = 3_600_000;
const DURATIONS = [
  ['mute.hour', HOUR],
  ['mute.hours', 8 * HOUR],
  ['mute.week', 7 * 24 * HOUR],
] as const;

interface MuteMenuProps {
  anchor: MenuAnchor;
  /** Called with the instant at which the mute ends. */
  onMute: (until: string) => void;
  onClose: () => void;
}

/** The durations for which a conversation can be muted. */
export function MuteMenu({ anchor, onMute, onClose }: MuteMenuProps) {
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

interface SettingsItemsProps {
  settings: Pick<ConversationSettings, 'mute' | 'hide'>;
  hasMute: boolean;
  /** Called to ask for the duration of a mute. */
  onMute: () => void;
}

/** The items that mute, unmute and hide a conversation. */
export function SettingsItems({ settings, hasMute, onMute }: SettingsItemsProps) {
  const { text } = useTexts();
  return (
    <>
      {hasMute ? (
        <MenuItem onSelect={() => settings.mute(null)}>{text('mute.end')}</MenuItem>
      ) : (
        <MenuItem onSelect={onMute}>{text('mute.start')}</MenuItem>
      )}
      <MenuItem onSelect={settings.hide}>
        {text('hide.start')} <span className="cruddur-hint">{text('hide.hint')}</span>
      </MenuItem>
    </>
  );
}
