import type { PagesCatalog } from './en.ts';

/** The texts of the pages around the messages in Arabic. */
export const ar: PagesCatalog = {
  about: 'رسائل مباشرة بين شخصين.',

  'welcome.signIn': 'تسجيل الدخول',
  'welcome.leaving': 'لحظة واحدة…',
  'welcome.failed': 'تعذّر تسجيل الدخول. \u2068{problem}\u2069',
  'welcome.onlyHere': 'في علامة التبويب هذه فقط',
  'welcome.onlyHereYes': 'ينتهي تسجيل دخولك عند إغلاق علامة التبويب هذه، ولا يشمل علامات التبويب الأخرى.',
  'welcome.onlyHereNo': 'يبقى تسجيل دخولك على هذا الجهاز، في كل علامات التبويب، حتى تسجّل الخروج.',
  'welcome.copy': 'علامة التبويب هذه نسخة من علامة تبويب أخرى، ويبقى تسجيل الدخول في الأصلية فقط.',

  'handle.you': 'اسم المستخدم الخاص بك هو {handle}، ويحتاج إليه الآخرون لمراسلتك.',
  'handle.missing': 'لم تختر اسم مستخدم عند إنشاء حسابك.',
  'handle.malformed':
    'لا يصلح «{requested}» اسمًا للمستخدم. يتكوّن اسم المستخدم من {max, plural, zero {# حرف} one {حرف واحد} two {حرفين} few {# أحرف} many {# حرفًا} other {# حرف}} على الأكثر: حروف إنجليزية وأرقام و . _ - فقط.',
  'handle.taken': 'كان اسم المستخدم {requested} محجوزًا.',
  'handle.changed': 'لم يعد اسم المستخدم {requested} لك.',
  'handle.ok': 'حسنًا',

  'settings.title': 'الإعدادات',
  'settings.name': 'الاسم المعروض',
  'settings.handle': 'يراه الآخرون بجانب اسم المستخدم الخاص بك، {handle}.',
  'settings.nameRule':
    'يتكوّن الاسم من حرف واحد إلى {max, plural, zero {# حرف} one {حرف واحد} two {حرفين} few {# أحرف} many {# حرفًا} other {# حرف}}.',
  'settings.nameInvalid': 'لا يمكن استخدام هذا الاسم. استخدم حروفًا يراها الآخرون.',
  'settings.save': 'حفظ',
  'settings.saved': 'حُفظ.',
  'settings.receipts': 'إشعارات القراءة',
  'settings.receiptsHint': 'يرى الآخرون ما قرأته، وترى ما قرؤوه. يلزم تفعيل هذا الإعداد لدى الطرفين.',
  'settings.notifications': 'الإشعارات في هذا المتصفح',
  'settings.notificationsHint': 'تعرض اسم المُرسِل وبداية الرسالة من دون صوت. يجب أن تبقى علامة تبويب من هذه الصفحة مفتوحة.',
  'settings.notificationsDenied': 'إشعارات هذه الصفحة محظورة. اسمح بها في إعدادات متصفحك.',
  'settings.notificationsMissing': 'لا يدعم هذا المتصفح إشعارات الصفحات.',
  'settings.theme': 'المظهر',
  'settings.themeHint': 'في هذا المتصفح فقط.',
  'settings.system': 'مثل الجهاز',
  'settings.light': 'فاتح',
  'settings.dark': 'داكن',
  'settings.keys': 'اختصارات لوحة المفاتيح',
  'settings.keysShow': 'عرض',
  'settings.listKey': 'يعرض المفتاح «؟» اختصارات لوحة المفاتيح',
  'settings.listKeyHint': 'في هذا المتصفح فقط. أوقفه إن كنت تكتب بصوتك أو تضغط عليه سهوًا.',
  'settings.messagesFrom': 'من يمكنه مراسلتي',
  'settings.messagesFromHint': 'يخص هذا من ليسوا في صندوق الوارد بعد. الطلب رسالة واحدة إلى أن تقبله.',
  'settings.everyone': 'الجميع',
  'settings.requests': 'بطلب',
  'settings.nobody': 'لا أحد',
  'settings.blocked': 'الأشخاص المحظورون',
  'settings.export': 'بياناتك',
  'settings.exportHint': 'كل المحادثات مع رسائلها والأشخاص المحظورون والأجهزة وملفك الشخصي، في ملف يحوي كائن JSON واحدًا في كل سطر.',
  'settings.download': 'تنزيل',
  'settings.exporting': 'عدد الأسطر حتى الآن: {lines}',
  'settings.exported': 'تم التنزيل.',
  'settings.deleteAccount': 'حذف حسابي',
  'settings.deleteHint':
    'يحذف هذا الرسائل التي أرسلتها لدى الجميع، ويزيل اسمك من كل المحادثات. ويحتفظ الآخرون برسائلهم. لا يمكن التراجع عن ذلك.',
  'settings.deleteConfirm': 'اكتب اسم المستخدم الخاص بك، {handle}، للتأكيد.',
  'settings.delete': 'حذف',
  'settings.close': 'إغلاق',

  'devices.title': 'الأجهزة',
  'devices.open': 'هذه الأجهزة متصلة، أو كانت متصلة خلال الساعتين الماضيتين.',
  'devices.none': 'لا يوجد جهاز متصل.',
  'devices.name': '\u2068{browser}\u2069 على \u2068{system}\u2069',
  'devices.command': 'الأمر \u2068cruddur\u2069',
  'devices.unknown': 'جهاز غير معروف',
  'devices.own': '\u2068{device}\u2069 (هذا الجهاز)',
  'devices.since': 'وقت الاتصال: {time}',
  'devices.everywhere': 'تسجيل الخروج من كل الأجهزة',
  'devices.everywhereHint':
    'ينهي تسجيل دخولك على كل الأجهزة، بما فيها هذا الجهاز، وكذلك حيث التطبيق مغلق. قد يستغرق ذلك على الأجهزة الأخرى عشر دقائق.',
  'devices.question': 'تسجيل الخروج من كل الأجهزة، بما فيها هذا الجهاز؟',

  'notFound.title': 'الصفحة غير موجودة',
  'notFound.text': 'لا يوجد شيء في هذا العنوان.',
  'notFound.link': 'الذهاب إلى رسائلك',

  'account.title': 'الحساب غير مُجهَّز',
  'account.heading': 'لم يُجهَّز حسابك بعد',
  'account.text':
    'لقد سجّلت الدخول، لكن هذا الحساب لم يُجهَّز بعد. قد يستغرق تجهيز الحساب الجديد لحظات. إن طال الأمر، فتواصل مع المسؤول.',
  'account.textAs':
    'لقد سجّلت الدخول باسم \u2068{handle}\u2069، لكن هذا الحساب لم يُجهَّز بعد. قد يستغرق تجهيز الحساب الجديد لحظات. إن طال الأمر، فتواصل مع المسؤول.',

  'config.title': 'تعذّر تشغيل {app}',
  'config.text':
    'يحدّد الملف {file} المجاور لهذه الصفحة عنواني واجهة API وجهة الإصدار. ويصف ملف README لعميل الويب حقوله.',
};
