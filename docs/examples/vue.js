import { h, onBeforeUnmount, onMounted, ref } from 'vue';
import 'qrlatch-widget';

export const PhoneLogin = {
  props: { server: String, app: String, state: String },
  emits: ['approved'],
  setup(props, { emit }) {
    const box = ref(null);
    let widget;
    onMounted(() => {
      widget = window.QRLatch({
        el: box.value, ...props, redirect: 'callback', onApproved: login => emit('approved', login),
      });
    });
    onBeforeUnmount(() => widget.destroy());
    return () => h('div', { ref: box });
  },
};
