import { useEffect, useRef } from 'react';
import 'qrlatch-widget';

export function PhoneLogin({ server, app, state, onApproved }) {
  const box = useRef(null);
  const approved = useRef(onApproved);
  useEffect(() => { approved.current = onApproved; });
  useEffect(() => {
    const widget = window.QRLatch({
      el: box.current, server, app, state, redirect: 'callback', onApproved: login => approved.current(login),
    });
    return () => widget.destroy();
  }, [server, app, state]);
  return <div ref={box} />;
}
