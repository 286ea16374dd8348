export function Logo() {
  return (
    <svg className="cruddur-mark" viewBox="0 0 32 32" aria-hidden="true">
      <path
        className="cruddur-mark-bubble"
        d="M16 3C8.3 3 2 8.2 2 14.7c0 3.6 2 6.8 5.1 9-.1 1.6-.8 3.3-2.2 4.7-.4.4-.1 1 .5.9 3.1-.4 5.6-1.5 7.3-2.9 1.1.2 2.2.3 3.3.3 7.7 0 14-5.2 14-11.8S23.7 3 16 3Z"
      />
      <path className="cruddur-mark-lines" d="M10 12.5h12M10 17.5h7" />
    </svg>
  );
}
