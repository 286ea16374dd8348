import { Icon } from './icon.tsx';

export function SendIcon() {
  return (
    <Icon mirrored>
      <path d="M5 12h13M12 5l7 7-7 7" />
    </Icon>
  );
}

export function BackIcon() {
  return (
    <Icon mirrored>
      <path d="M15 5l-7 7 7 7" />
    </Icon>
  );
}

export function DownIcon() {
  return (
    <Icon>
      <path d="M12 5v14M6 13l6 6 6-6" />
    </Icon>
  );
}

export function SentIcon() {
  return (
    <Icon>
      <path d="M5 12.5l4.5 4.5L19 7.5" />
    </Icon>
  );
}

export function SeenIcon() {
  return (
    <Icon>
      <path d="M2 12.5l4.5 4.5L16 7.5M11.5 16.5l.5.5 9.5-9.5" />
    </Icon>
  );
}

export function AlertIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 7.5v5.5M12 16.200v.2" />
    </Icon>
  );
}

export function EmojiIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M9 9.5v.01M15 9.5v.01M8.200 14a4.500 4.500 0 0 0 7.600 0" />
    </Icon>
  );
}

export function ReplyIcon() {
  return (
    <Icon mirrored>
      <path d="M9 6l-5 5 5 5M4 11h10a6 6 0 0 1 6 6v1" />
    </Icon>
  );
}

export function CloseIcon() {
  return (
    <Icon>
      <path d="M6 6l12 12M18 6L6 18" />
    </Icon>
  );
}
