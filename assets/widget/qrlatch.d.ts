/** The qrlatch widget: a QR code that signs a browser in when a phone approves. */

/** How far a login has come, as the server tells it. */
export interface Login {
  /** The login's secret: whoever has it may collect the login. Keep it in this page. */
  id: string;
  state: 'pending' | 'scanned' | 'approved' | 'redeemed' | 'denied' | 'expired';
  /** While pending: what the code says, its picture, and the seconds until the next one. */
  qr?: { text: string; image: string; expires_in: number };
  /** While pending, if the person asked for a code to type: "BCDF-GHJK". */
  user_code?: string;
  /** What the app lets this browser know of the person. */
  user?: { name?: string; picture?: string };
  /** Two digits to be repeated on the phone. */
  number?: string;
  /** Once approved: where to go, with a ticket that is good once and for a minute. */
  redirect_uri?: string;
  /** Seconds that the login has left. */
  expires_in: number;
}

/** Why no login could be started (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
}

export interface Options {
  /** Where the widget is shown: an element or its id. */
  el: HTMLElement | string;
  /** The app's id, as the server is configured. */
  app: string;
  /** Where the browser goes with its ticket: one of the app's redirect_uris. Default: its first. */
  redirectUri?: string;
  /** Comes back in the redirect: bind it to this browser's session and compare (login CSRF). */
  state?: string;
  /** en, es, ko or zh. Default: the browser's language, else the app's, else English. */
  lang?: string;
  /** auto takes font and colours from the page around it. Default: auto. */
  theme?: 'auto' | 'light' | 'dark';
  /** auto begins with a stream (SSE) and goes over to polls where none gets through. Default: auto. */
  transport?: 'auto' | 'sse' | 'jsonp' | 'poll';
  /** What goes on after the approval: the whole window, this frame, or nothing but onApproved. Default: top. */
  redirect?: 'top' | 'self' | 'callback';
  /** The login server. Default: where the script came from; needed when it came from a bundle. */
  server?: string;

  /** A code is shown: at first, and each time a new login takes the place of an old one. */
  onReady?(login: Login): void;
  onScanned?(login: Login): void;
  onApproved?(login: Login): void;
  onDenied?(login: Login): void;
  /** The login took too long. A new one takes its place by itself if nobody had scanned it. */
  onExpired?(login: Login): void;
  /** No login can be started here. What merely takes long is tried again and not told. */
  onError?(problem: Problem): void;
}

export interface Widget {
  /** Starts a new login. */
  refresh(): void;
  /** Ends everything and takes the widget off the page. */
  destroy(): void;
}

declare global {
  /** Throws if there is no element or no app. On a server that renders pages there is none. */
  var QRLatch: (options: Options) => Widget;
}
