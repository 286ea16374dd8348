import { type MessagesClient, removeLists } from '@cruddur/client';
import { Component, type ReactNode } from 'react';

interface Props {
  client: MessagesClient;
  children: ReactNode;
}

/** Reports the errors of the components in it to the client's `onError`, and leaves them to the page's own error boundary. */
export class ErrorReports extends Component<Props, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error !== undefined) {
      // `componentDidCatch` is not called if the error is thrown again.
      const { connectivity, store, user } = this.props.client;
      connectivity.fault(error);
      // They may be the reason, and would be so again.
      removeLists(store, user);
      throw error;
    }
    return this.props.children;
  }
}
