"""
What texts of a language consist of, for guessing encodings: plain data.

Letters stand by their frequency, the most frequent first; of Latin alphabets only what is not in
ASCII, and after them words that each text of the language has. Counted in translations of Django and in
posts of public channels.
"""

from typing import Final

CYRILLIC: Final = (
    "оиеатнсрвлкмпдуыязьбчгйхжюшцфэщёъ",  # Russian
    "онаеитвірлдскпумзяьбйчгшцжєюхфїщґ",  # Ukrainian
    "анілеыксрятпдцьмвозубэўчгшйхжюфёґ",  # Belarusian
    "аеитонрвслдпкзмъябучгйжцшщфюхь",  # Bulgarian
    "аеионтрскдвуплјмзбгшцчжњљћфхђџ",  # Serbian
)
GREEK: Final = ("αετιονρσμπκηλυςίδέόγάήθχωύφβώξζψϊϋΐΰ",)
HEBREW: Final = ("יותהלאמשרבנחסדקפםעכןטזצךגףץ",)
ARABIC: Final = ("اليمترنودةبحكعسقأفجصخهإطذغىثضزشئءآظؤپچژگ",)
THAI: Final = ("่าอรนิเก้ี์มัลงบยสดหคืตวไทุ็ชปใูขจแณะถพผโึำญซฟภธศษฉ๊๋ๆฝฮฐฯฬฑฎฏฤฆฒฌฃฅ",)
WESTERN: Final = (
    "éèïüöñçêâ the of and to in a is that for it was on are as with be at this from or by not but all",
    "üäöß der die das und ist nicht ein eine mit für von auf den dem zu im sie wir wird über",
    "éàèêîâçûôùœëïÿ le la les des de et une un que pour dans est sur pas du au vous par qui à être été",
    "óáñúíéü el la los las de en que no una con por para un es se del más está como también",
    "ãáçéúíõêóàâ o a os de do da em que não uma com por para um se no na é são mais você dos",
    "èàùòéìîóú il la di che non un una per con del della sono è in le si da più dei gli anche può",
    "äöåé och att det som en är för på av med den inte ett ja on ei se että oli ovat ole kun tai",
    "åøæé og det som en er for på av med den ikke et til har vi de fra å",
    "ðáíþóöúæéý og er ekki að það sem til með um við en fyrir var ég hann",
)
CENTRAL: Final = (
    "łżąęśćóńź nie jest na do to w z się że jak od po dla przez oraz są lub czy ma być już",
    "íážěčřéšýůúóďňť je na se to že ale pro jsou jako nebo tak byl od do za při ve který není jsem",
    "ážčíúéýťšľóôďňäĺŕ je na sa to že ale pre sú ako alebo tak bol od do za pri vo ktorý nie som",
    "éáóíőöüúű az és nem hogy egy van meg ez is de csak vagy volt kell lehet még már",
    "ăîâşţéșț de la si nu este un pe cu din sunt pentru care mai sau fost ce să în și o",
    "čšćžđ je na se da su za ne koji kao ili bio od do što nije već sve in za so ki pri tudi biti",
)
TURKISH: Final = (
    "ışçğüöâî ve bir bu da de için ile ne çok olarak daha gibi var değil en mi olan",
    "ıüçşğö və bir bu da də üçün ilə nə çox olaraq daha kimi var deyil",
)
BALTIC: Final = (
    "āīēšūļņģķžč un ir no uz ar par ka vai kas nav tika bet pie tas",
    "šųžėąįūčę ir yra kad su tai iš bet kaip ar nuo arba buvo kuri už į",
    "äõüöžš ja on ei et see kui ka ning või oli oma aga mis",
)
VIETNAMESE: Final = (
    "đàưáậôóạợếêảãểốệộẩớịờỷọấữổủỉửặắâềìựăùơíụầúứẽỗằẫýồỏởéòũừõ không có của là và một trong cho các được người này với để khi như",
)

RUSSIAN_PAIRS: Final = (
    "ст ра то ов но ро по ни на ен ко пр те та от ат ер ли ть ре ан ка ос ва ет од ны ор не "
    "ол ти ал ес ит ль во ом ле го об ис ри ог ак ме де да за мо ел ем ин бо тр ск ия ки ло "
    "со че ас ми ве из ла ие вы он ля аз им ам до ед ил ой нн ик ма ек ся ци ру ав аб же ые "
    "чи ых сп нт се ви кт ар оп пе ей си ир ии сл ож ди дл тв ок ры ьн ый ив ае сс ое са эт "
    "ча ты уч ич их оз чт ий па гр тс ег зн ут дн бе ту зо вн ая мы ад ку ше ую бл ус кр хо "
    "жн оч ют ач бы ши ез пи ну сн ду ым вс му ац ай ят тн ги нс вл чн бр уд зв жи га лу аю "
    "ап лю пу би тк ще пл ев ид сь ее ке ио др зр зд "
)
"""Of all pairs of letters within Russian words, these are seven in eight."""

HAN: Final = frozenset(
    "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着下自之年过過发發"
    "后後作里道行所然家种種事成方多经經么去法学學如都同现現当當没動动面起看定天分还還进進好小部其些主样樣理心她本前开開但因只从從"
    "想实實日本市场場新用文报報告数數据據表信息公司月号號点點电電话話明无無高长長问問题題名第第三二十四五六七八九万萬美京全"
)
"""Frequent characters of Chinese, in both spellings, of the news and of office papers."""
HANGUL: Final = frozenset(
    "이다에의는로하을가고지서한은기으년대사시를리도인스일나어자수보해정들부있그아라전만과장여게"
    "니습요세입호번드메용되밀주계합제력없소화트증않경성었할코확나된변문값필오선위올개모면공"
)
