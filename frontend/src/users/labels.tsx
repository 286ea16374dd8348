import { plainLine, shownName } from './name.ts';

/** A user's name in running text: whatever its letters are, they turn no others around. */
export function Name({ name, handle, className }: { name: string; handle: string; className?: string }) {
  return <bdi className={className}>{shownName(name, handle)}</bdi>;
}

/** A handle in running text; one that somebody typed may be any text. */
export function Handle({ handle }: { handle: string }) {
  return <bdi className="handle">{`@${plainLine(handle)}`}</bdi>;
}
