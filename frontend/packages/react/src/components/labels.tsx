import { plainLine, shownName } from '@cruddur/client';

/** A user's name, isolated so that its direction does not affect the text around it. */
export function Name({ name, handle, className }: { name: string; handle: string; className?: string }) {
  return <bdi className={className}>{shownName(name, handle)}</bdi>;
}

/** A handle, isolated too: a handle from an address can be any text. */
export function Handle({ handle }: { handle: string }) {
  return (
    <bdi dir="ltr" className="cruddur-handle">
      {`@${plainLine(handle)}`}
    </bdi>
  );
}
