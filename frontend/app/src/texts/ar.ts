import type { Catalog } from './en.ts';

/** The texts of the page in Arabic. U+2068 and U+2069 isolate arguments, which can have another direction. */
export const ar: Catalog = {
  app: 'رسائل Cruddur',
  title: '\u2068{title}\u2069 · {app}',
  'title.unread': '({count}) {title}',

  'signIn.noStorage':
    'لا يسمح هذا المتصفح للصفحة بتخزين أي شيء. اسمح بملفات تعريف الارتباط وبيانات الموقع لهذه الصفحة، ثم أعد تحميلها.',
  'signIn.noToken': 'لم تُرجِع صفحة تسجيل الدخول رمزًا يعرّف بك.',
  'signIn.otherWindow': 'بدأ تسجيل الدخول في نافذة أخرى، أو قبل وقت طويل. حاول مجددًا.',
  'signIn.noEndpoint': 'لا تحدّد وثيقة الاكتشاف لدى جهة الإصدار نقطة نهاية الرموز (token endpoint).',
  'signIn.connectTo':
    'أضف "\u2068{origin}\u2069" إلى "connect_to" في config.json: إنه أصل (origin) نقطة نهاية الرموز لدى جهة الإصدار.',
  'signIn.timeout': 'صفحة تسجيل الدخول لا تستجيب.',
  'signIn.refused': 'ردّت صفحة تسجيل الدخول بخطأ.',
  'signIn.unreachable': 'تعذّر الوصول إلى صفحة تسجيل الدخول.',
  'signIn.notLoaded': 'تعذّر تحميل جزء من هذه الصفحة. أعد تحميل الصفحة وحاول مجددًا.',
  'signIn.unknown': 'حدث خطأ ما.',

  'screen.skip': 'الانتقال إلى المحادثة',
  'screen.overview': 'نظرة عامة',
  'screen.messages': 'الرسائل',
  'screen.hintTitle': 'رسائلك',
  'screen.hint': 'اختر محادثة من القائمة، أو ابدأ محادثة باسم مستخدم.',

  'banner.ended': 'انتهت جلستك. ما كتبته محفوظ.',
  'banner.signInFailed': 'تعذّر تسجيل الدخول: \u2068{problem}\u2069',
  'banner.signInAgain': 'تسجيل الدخول مجددًا',
  'banner.troubled': 'تعذّر الوصول إلى الخادم حاليًا. جارٍ إعادة المحاولة…',
  'banner.offline': 'أنت غير متصل بالإنترنت. ستُرسَل رسائلك وتغييراتك عندما يعود الاتصال.',

  settings: 'الإعدادات',
  signOut: 'تسجيل الخروج',
  'signOut.label': 'تسجيل الخروج؟',
  'signOut.unsent':
    '{count, plural, zero {لا توجد رسائل لم تُرسَل بعد.} one {رسالة واحدة لم تُرسَل بعد.} two {رسالتان لم تُرسَلا بعد.} few {# رسائل لم تُرسَل بعد.} many {# رسالة لم تُرسَل بعد.} other {# رسالة لم تُرسَل بعد.}} يحذف تسجيل الخروج الرسائل غير المُرسَلة من هذا الجهاز.',
  'signOut.drafts':
    '{count, plural, zero {لا توجد مسودّات لم تُرسَل.} one {لم تُرسَل مسودّة واحدة.} two {لم تُرسَل مسودّتان.} few {لم تُرسَل # مسودّات.} many {لم تُرسَل # مسودّة.} other {لم تُرسَل # مسودّة.}} يحذف تسجيل الخروج المسودّات من هذا الجهاز.',
  'signOut.leave': 'تسجيل الخروج والحذف',
  'signOut.stay': 'البقاء',

  tryAgain: 'إعادة المحاولة',

  'fault.title': 'حدث خطأ ما',
  'fault.partTitle': 'حدث خطأ هنا',
  'fault.text': 'هذا خلل في الصفحة. ما كتبته محفوظ على هذا الجهاز. حاول مجددًا، أو أعد تحميل الصفحة.',
  'fault.reload': 'إعادة التحميل',
  'fault.all': 'كل المحادثات',
  'fault.more': 'إذا لم يُجدِ ذلك',
  'fault.copy':
    'انسخ ما تحتاج إليه، ثم احذف رسائلك غير المُرسَلة ومسودّاتك من هذا الجهاز. تسجيل الخروج يحذفها أيضًا.',
  'fault.delete': 'حذف النصوص غير المُرسَلة وإعادة التحميل',
};
