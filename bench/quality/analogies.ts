/** Pairs of one relation each: a is to b in one pair as in every other of its group. Common facts, put together here. */
const pairs = (text: string): readonly (readonly [string, string])[] =>
  text
    .trim()
    .split(/\s+/)
    .map((pair) => pair.split(":") as [string, string]);

export const analogies: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "capital : country": pairs(`
    paris:france london:england berlin:germany madrid:spain rome:italy moscow:russia tokyo:japan beijing:china
    cairo:egypt baghdad:iraq tehran:iran dublin:ireland vienna:austria ottawa:canada warsaw:poland lisbon:portugal
    jakarta:indonesia bangkok:thailand canberra:australia kabul:afghanistan`),
  "country : its people's adjective": pairs(`
    france:french germany:german spain:spanish italy:italian russia:russian japan:japanese china:chinese
    egypt:egyptian iraq:iraqi ireland:irish poland:polish portugal:portuguese indonesia:indonesian
    australia:australian sweden:swedish denmark:danish greece:greek israel:israeli india:indian mexico:mexican`),
  "man : woman": pairs(`
    he:she his:her himself:herself man:woman men:women boy:girl boys:girls king:queen prince:princess father:mother
    son:daughter sons:daughters brother:sister brothers:sisters husband:wife uncle:aunt actor:actress
    grandfather:grandmother nephew:niece dad:mom`),
  "singular : plural": pairs(`
    car:cars dog:dogs house:houses river:rivers book:books year:years city:cities country:countries film:films
    church:churches school:schools student:students child:children foot:feet tree:trees army:armies family:families
    word:words bird:birds island:islands`),
  "base : past tense": pairs(`
    go:went see:saw take:took make:made come:came know:knew give:gave find:found think:thought begin:began
    write:wrote speak:spoke run:ran become:became grow:grew walk:walked play:played work:worked open:opened
    look:looked`),
  "base : -ing": pairs(`
    go:going see:seeing take:taking make:making come:coming know:knowing give:giving find:finding think:thinking
    begin:beginning write:writing speak:speaking run:running become:becoming grow:growing walk:walking play:playing
    work:working open:opening look:looking`),
  "adjective : comparative": pairs(`
    big:bigger small:smaller large:larger high:higher low:lower long:longer short:shorter strong:stronger weak:weaker
    old:older young:younger fast:faster slow:slower great:greater good:better bad:worse easy:easier hard:harder
    early:earlier late:later`),
  "adjective : superlative": pairs(`
    big:biggest small:smallest large:largest high:highest low:lowest long:longest short:shortest strong:strongest
    old:oldest young:youngest fast:fastest great:greatest good:best bad:worst early:earliest late:latest
    rich:richest close:closest deep:deepest bright:brightest`),
};
