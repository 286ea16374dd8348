import type { CustomItemComponent, CustomItemComponentProps } from 'virtua';

/** An item of a virtualized list. */
export const ListItem: CustomItemComponent = ({ ref, style, children }: CustomItemComponentProps) => (
  <li ref={ref} style={style}>
    {children}
  </li>
);
