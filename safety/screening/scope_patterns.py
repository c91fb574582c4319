"""The patterns of scope on folded text: denial, other people, fiction and the past.

They run only on short windows, so they need no bounds of their own.
"""

import re

# --- negation -------------------------------------------------------------------------------
NOT_ZH = re.compile(
    r"(?:(?<!是)(?<!不)(?P<a>没有?|不是真的?|从没|从未|并不|并没有?|不会|不|别|无|冇|唔|未|绝不|拒绝|放弃|停止|打消)"
    r"(?:[想要会去过再是真的有任何曾打算愿意该能可以做出这种个产生起到过真正因为此而了就]){0,6})$"
)
NOT_ZH_EXCEPT = re.compile(
    r"(?:不是不|没有?不|不得不|(?P<x>[想要会是敢能有])[不没](?P=x)?|忍不住|控制不住|克制不住|不停|不断|不知|不如"
    r"|不仅|不光|不止|不时|不禁|不由|要不是?|不然|不过|动不动|恨不得|巴不得|莫名|还不|不就是?|没用|没事|没法不"
    r"|不敢|没勇气|不单|不只|还没有?$|(?:就|才|便)不会|暂时|今天|目前|不懂|不了|差不多|没人|不好|不行|不到|不开心|不愿意活|没意思|没有意义)[^，。,]{0,6}$"
)
GONE_ZH = re.compile(
    r"^(?:了?的?(?:想法|念头|心|打算|冲动|情绪|倾向)?)(?:都|也|早|已经?|现在|就|慢慢)*"
    r"(?:没有了|没了|消失了?|不见了|打消了|过去了|不存在|是假的|开玩笑|只是玩笑|不可能)"
)
NOT_EN = re.compile(
    r"(?:\b(?:not|never|no|without|nor|neither|stopped|denied?|don'?t|didn'?t|wouldn'?t|won'?t"
    r"|isn'?t|aren'?t|wasn'?t"
    r"|haven'?t|hasn'?t|can'?t|cannot|doesn'?t|ain'?t)\s+"
    r"(?:(?:even|want|wanted|wanting|wanna|going|gonna|to|really|actually|have|had|having|any"
    r"|be|been|being|ever|that|plans?"
    r"|planning|planned|thinking|thought|thoughts|think|about|of|feel|feeling|like|am|do|would"
    r"|will|a|the|intention|intent|desire|urges?"
    r"|currently|actively|at|all|suicidal|or|consider|considering|considered|try|trying|i|i'm"
    r"|im|gonna)\s+){0,6})$"
)
NOT_EN_EXCEPT = re.compile(
    r"\b(?:can'?t stop|cannot stop|not sure|don'?t know|no longer want|not just|not only|why not"
    r"|can'?t help|don'?t care|no reason|not going to lie)\b[^.!?,]{0,30}$"
)

# Who has to promise it, or to keep from it, has the wish; it is lowered less than a denial.
HELD_BACK = re.compile(
    r"(?:承诺|答应|保证|发誓|协议|约定|告诉自己|劝自己|说服自己|提醒自己|对自己说|努力|尽量|忍住|拼命)"
    r"[^。!?;]{0,12}$"
    r"|\b(?:promised?|promising|trying|try|told myself|telling myself|keep myself|contract|swore"
    r"|struggling)\b[^.!?;]{0,24}$"
)

HELD_AFTER = re.compile(
    r"^的?(?:承诺|协议|保证书|约定|契约|合约)|^ ?(?:contract|promise|pact|yet\b)"
)
OWN_NOT = re.compile(r"[不没无唔冇]|(?:don|do not|didn|no|never|can|won|haven)")

# --- third person ---------------------------------------------------------------------------
KIN = "爸妈爹娘父母哥姐弟妹男女朋友闺室同老儿孩家丈前表堂奶爷外舅叔姑姨婆公导邻亲学"
THIRD = (
    r"(?:他们?|她们?|佢哋?|(?<![a-z])ta(?![a-z])|朋友|闺蜜|同学|室友|舍友|爸妈?|妈妈?|父亲|母亲|父母|孩子|小孩|儿子|女儿|学生"
    r"|学[妹弟姐长]|男友|女友|老公|老婆|丈夫|妻子|弟弟?|妹妹?|哥哥?|姐姐?|亲戚|表[哥姐弟妹]|对方|有人|别人|网友|同事"
    r"|邻居|前任|前男友|前女友|爷爷|奶奶|外公|外婆|老师|姑娘|对象|人们|大家|某人|患者|来访者)"
)
SUBJECT = re.compile(
    rf"(?P<first>我(?![们]?[{KIN}])|俺|本人|咱)|(?P<third>{THIRD})|(?P<you>你们?|您)"
)
NO_SUBJECT_BEFORE = re.compile(
    r"(?:被|让|因为?|为了?|跟|和|与|同|对|逼|骂|打|恨|讨厌|想到|怕|离开|失去|没有|爱|喜欢|给|受不了|怨|向|听|看到?|替|把|将|像|比|除了|告诉)"
    r"(?:我的?|了|着|过|那个|这个|自己的?)?$"
)
REASON_AFTER = re.compile(
    r"^.{0,8}?(?:后|时|就|吵|离婚|骂|打|说我|去世|不要|不理|不爱|分手|出轨|让|逼|离开|觉得我|面前|之间|的话|太)"
)
THIRD_EN = re.compile(
    r"\b(?:he|she|they|my (?:\w+ )?(?:friend|mom|mother|dad|father|brother|sister|son|daughter"
    r"|wife|husband|boyfriend"
    r"|girlfriend|partner|roommate|cousin|uncle|aunt|classmate|student|ex|kid|child"
    r"|neighbo[u]?r)|someone|somebody"
    r"|a friend|people|who|uncle|friend)\b(?:'s)?(?:[^.!?,;]{0,24})$"
)
FIRST_EN = re.compile(r"\b(?:i|i'm|im|i'd|i've|ive|i'll|me|myself)\b")

# --- fiction and news -----------------------------------------------------------------------
FICTION_ZH = (
    r"(?:歌词|这首歌|那首歌|歌里|小说|电影|电视剧|剧里|剧情|剧中|动漫|动画|漫画|游戏|副本|队友|这一?局|那一?局|主角|男主|女主|反派|角色|台词"
    r"|书里|书中|新闻|报道|热搜|报纸|纪录片|课文|历史上|故事里|诗里|诗人|剧本|狼人杀|剧本杀|密室|明星|偶像|网红|作文|论文|案例|综艺)"
)
FICTION_BEFORE_ZH = re.compile(FICTION_ZH + r"[^。!?;]{0,18}$")
FICTION_AFTER_ZH = re.compile(r"^[^。!?;]{0,10}" + FICTION_ZH)
CITED_ZH = re.compile(
    FICTION_ZH + r"[^。!?;]{0,10}(?:写着?|唱着?|说|有句|叫|里)[^。!?;]{0,4}$"
    r"|(?:歌词|台词|剧情|情节|副歌|歌名|书名)[^。!?;]{0,4}(?:是|讲|:)[^。!?;]{0,4}$"
)
FICTION_EN = (
    r"(?:lyrics?|songs?|movie|film|novel|books?|character|video game|the game|news|article"
    r"|episode|tv show|documentary"
    r"|poem|quote|headline|story|boss fight|celebrity|actor|singer|scene|villain|protagonist"
    r"|anime)"
)
FICTION_BEFORE_EN = re.compile(r"\b" + FICTION_EN + r"\b[^.!?;]{0,40}$")
FICTION_AFTER_EN = re.compile(r"^[^.!?;]{0,24}\b" + FICTION_EN + r"\b")
QUOTES = {"“": "”", "「": "」", "『": "』", '"': '"', "《": "》"}
QUOTE_MARKS = frozenset(QUOTES)

# --- past -----------------------------------------------------------------------------------
PAST_ZH = re.compile(
    r"(?:以前|曾经?|从前|小时候|当年|过去|那时候?|那会儿?|几年前|年前|(?:初|高|大)[一二三四中]?的?时候?|去年|当时|那天|那年"
    r"|那段时间)[^。!?;]{0,14}$"
)
PRESENT_ZH = re.compile(
    r"(?:现在|今天|今晚|最近|还是?|又|仍|一直|总|依然|这几天|每天|刚|开始|越来越|到现在)"
)
AGAIN_ZH = re.compile(
    r"现在(?:又|也|仍|依然|更|还(?!好|行|可以|不错))|还是(?:会|很|想|有)|到现在|至今|最近又|又开始|又有"
)
RECOVERED_ZH = re.compile(
    r"(?:现在(?:已经|都)?(?:好了|好多了|没事了|不会了|不想了|走出来了)|都过去了|已经(?:好了|走出来了|康复|过去)|走出来了|再也不会?|后来好了)"
)
PAST_EN = re.compile(
    r"\b(?:used to|years? ago|back then|when i was (?:a kid|younger|\d+|in)|in the past|once"
    r"|as a (?:kid|teen|teenager)|last year)\b"
    r"[^.!?]{0,40}$"
)
PAST_AFTER_EN = re.compile(
    r"^[^.!?]{0,24}\b(?:years? ago|back then|when i was (?:a kid|younger|\d+|in)|in the past)\b"
)
PRESENT_EN = re.compile(r"\b(?:now|still|again|today|tonight|lately|these days|always)\b")
RECOVERED_EN = re.compile(
    r"\b(?:i'?m (?:fine|better|okay|good|in a (?:better|good) place)|recovered|got (?:better"
    r"|help)|over it) ?(?:now)?\b"
)
