// In the place of react-custom-scrollbars-2, whose default export a bundle does not find: nothing scrolls in a picture.
import { forwardRef } from 'react';

export default forwardRef(({ children, style }, _) => <div style={{ ...style, height: '100%', overflow: 'hidden' }}>{children}</div>);
