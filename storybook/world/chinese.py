"""Chinese: words and grammar. Numbers need the noun's measure word, and circumstances stand before the things:
"夜晚海边的两座红房子"."""

from __future__ import annotations

import numpy as np

from storybook.world.lexicon import (
    BARE,
    LOOSE,
    PERSON,
    PLAIN,
    CaptionContent,
    Language,
    Mention,
    dressed,
    pick,
    worded,
    words,
)

KINDS = worded(
    {
        "house": "房子*9/屋子/房屋*2",
        "tree": "树*9/树木",
        "pine": "松树*7/杉树*2/松",
        "car": "汽车*5/车*4/轿车",
        "boat": "帆船*6/船*5/帆船",
        "balloon": "热气球*7/气球*3",
        "lighthouse": "灯塔",
        "windmill": "风车*8/风车磨坊",
        "cat": "猫*8/猫咪*2/猫儿",
        "flower": "花*8/花朵*3/鲜花",
        "mushroom": "蘑菇",
        "tent": "帐篷",
        "castle": "城堡*9/宫殿",
        "kite": "风筝",
        "dog": "狗*9/狗狗*2/犬",
        "bird": "鸟*8/鸟儿*3",
        "fish": "鱼*8/鱼儿*2",
        "duck": "鸭子*8/鸭*2",
        "rabbit": "兔子*8/兔*2",
        "sheep": "羊*6/绵羊*4",
        "butterfly": "蝴蝶",
        "person": "人*5/男人*2/女人*2/孩子*3/女孩*3/男孩*3/小孩",
        "bridge": "桥*8/桥梁",
        "train": "火车*8/列车/蒸汽火车/火车头",
        "rocket": "火箭*8/宇宙飞船/飞船*2",
        "moon": "月亮*8/明月",
        "rainbow": "彩虹",
        "apple": "苹果",
        "umbrella": "雨伞*6/伞*5/阳伞",
        "snowman": "雪人",
    }
)
MEASURES = worded(
    {
        "house": "座*4/栋*3/间*2/个", "tree": "棵", "pine": "棵", "car": "辆", "boat": "艘*4/条*2/只",
        "balloon": "个*5/只", "lighthouse": "座", "windmill": "座*3/个*2/架", "cat": "只", "flower": "朵*5/枝",
        "mushroom": "个*3/朵*2", "tent": "顶*4/个*3", "castle": "座*5/个", "kite": "只*3/个*3", "dog": "只*5/条*3",
        "bird": "只", "fish": "条", "duck": "只", "rabbit": "只", "sheep": "只*5/头", "butterfly": "只",
        "person": "个", "bridge": "座*5/条", "train": "列*4/辆*2", "rocket": "枚*3/艘/个*2", "moon": "轮*3/个*2",
        "rainbow": "道*4/条*2", "apple": "个*4/颗", "umbrella": "把", "snowman": "个",
    }
)  # fmt: skip
# The short form stands right before the noun, the long one takes 的.
COLOURS = worded(
    {
        "red": "红", "orange": "橙", "yellow": "黄", "green": "绿", "blue": "蓝", "purple": "紫", "pink": "粉",
        "white": "白", "black": "黑", "brown": "棕*3/褐",
    }
)  # fmt: skip
LONG_COLOURS = worded(
    {
        "red": "红色*9/鲜红色/大红色/火红",
        "orange": "橙色*7/橘色*4/橘黄色",
        "yellow": "黄色*9/金黄色/金色",
        "green": "绿色*9/翠绿色/深绿色/浅绿色",
        "blue": "蓝色*9/天蓝色/深蓝色/浅蓝色",
        "purple": "紫色*9/淡紫色/紫罗兰色",
        "pink": "粉色*5/粉红色*5",
        "white": "白色*9/雪白/洁白",
        "black": "黑色*9/乌黑/漆黑",
        "brown": "棕色*7/褐色*4/咖啡色",
    }
)
SIZES = {"small": "小", "large": "大"}
LONG_SIZES = worded({"small": "很小的*2/小小的*3/小型", "large": "巨大的*3/很大的*2/大大的/巨型"})
NUMBERS = {1: "一", 2: "两", 3: "三", 4: "四"}
PLACES = worded(
    {
        "meadow": "草地上*7/草原上*3/田野里*2/草丛里/绿色的草地上/田野上",
        "desert": "沙漠里*6/沙漠中*4/沙丘上/沙地上",
        "snow": "雪地里*6/雪地上*4/雪原上",
        "sea": "海边*9/海滩上*4/大海边*2/沙滩上*3/海岸边",
        "forest": "森林里*7/树林里*5/森林中*2/林中/树林中",
        "village": "村庄里*4/村子里*5/小镇上*2/乡村里/村里*3/小村庄里",
        "street": "街上*5/街道上*4/马路上*4/路上*3/城市里*2/大街上*2/公路上",
        "afloat": "海上*6/大海上*3/海面上*3/水面上*2/水上",
        "swimming": "海里*5/水里*4/大海里*2/水中",
    }
)
GROUNDS = worded(
    {
        "meadow": "草地*4/草原*2/田野*2/绿色的草地",
        "desert": "沙漠*5/沙丘",
        "snow": "雪地*4/雪原/雪景",
        "sea": "大海*4/海边*3/海滩*2/海",
        "forest": "森林*5/树林*3",
        "village": "村庄*5/村子*2/小镇",
        "street": "街道*5/马路*3/公路/街",
        "afloat": "大海*3/海上*2/海面",
        "swimming": "大海*2/海里*2/水中",
    }
)
TIMES = worded(
    {
        "day": "白天*6/中午*2/日间/下午",
        "dawn": "黎明*3/清晨*4/日出时*3/早上*2/早晨*2/日出",
        "sunset": "日落时*3/傍晚*4/黄昏*3/夕阳下*3/日落*2",
        "night": "夜晚*6/夜里*3/晚上*4/星空下*2/深夜/夜色中",
    }
)
# Before the things, as in "雨中的红房子"; and after them, as in "红房子，下着雨".
WEATHERS = worded(
    {
        "clear": "晴天*3/晴朗的天空下*2/晴空下",
        "sunny": "晴天*3/阳光下*4/蓝天下",
        "cloudy": "阴天*3/多云的天空下*2/多云时",
        "rain": "雨中*5/雨天*3/下雨天*2/雨里*2/大雨中",
        "snowfall": "下雪天*4/飘雪中/雪花中/大雪纷飞中",
        "storm": "暴风雨中*5/雷雨中*4/风暴中*2/雷雨天/电闪雷鸣中",
        "fog": "雾中*5/大雾中*3/雾里*2/浓雾中*2/雾天",
    }
)
STATES = worded(
    {
        "clear": "晴天*2/晴朗*2/天气晴朗*3",
        "sunny": "晴天*2/阳光明媚*4/天气晴朗*2/出太阳",
        "cloudy": "多云*5/阴天*3/天上有很多云*2",
        "rain": "下雨*4/下着雨*4/雨天*2/正在下雨",
        "snowfall": "下雪*5/下着雪*4/雪花飘落*2/正在下雪",
        "storm": "暴风雨*4/雷雨*3/闪电*3/电闪雷鸣*2/雷雨天",
        "fog": "有雾*4/大雾*4/雾天*2/雾蒙蒙*2/雾",
    }
)
ADJECTIVES = worded(
    {
        "clear": "晴朗的",
        "sunny": "阳光明媚的",
        "cloudy": "多云的",
        "rain": "下雨的*3/雨",
        "snowfall": "下雪的*3/雪",
        "storm": "暴风雨的*2/雷雨的",
        "fog": "有雾的*2/大雾的",
    }
)
TIMES_OF_DAY = worded({"day": "白天*2/天", "dawn": "早晨*2/清晨", "sunset": "傍晚", "night": "夜晚*2/夜里"})
SINGLE = {"雨": {"day": "雨天", "night": "雨夜"}, "雪": {"day": "下雪天", "night": "雪夜"}}
MOUNTAINS = words("背景是群山*4/远处有山*4/背景有山*3/后面是山/有雪山/有山")
BEFORE_MOUNTAINS = words("山前*2/群山前/山下")
MOUNTAIN_TAGS = words("群山*3/山*3/远山/雪山/山脉")
RELATIONS = worded(
    {
        "left": "左边*7/左侧*2/左面",
        "right": "右边*7/右侧*2/右面",
        "above": "上方*5/上面*4/上空*2",
        "front": "前面*7/前*2/前方*2",
        "behind": "后面*7/后方*2/后*1",
        "beside": "旁边*7/旁*2/边上",
    }
)
MANY = 4  # groups from which on single things go without "一个", or captions would be too long
REQUESTS = words(
    "画{}*5/画一幅{}的画*2/一幅{}的画*3/一张{}的图片*2/请画{}*2/帮我画{}*2/我想要{}*2/我要{}*2/给我画{}/图片：{}/画一张{}的图*2"
    "/请给我画{}/能画{}吗？/生成一张{}的图片/{}的图画*2/我想看{}/有{}*2"
)


class Chinese(Language):
    comma = "，"

    def group(self, mention: Mention, rng: np.random.Generator, manner: str) -> str:
        return self._group(mention, rng, manner, measured=rng.random() < 0.35)

    def sentence(self, content: CaptionContent, rng: np.random.Generator, manner: str) -> str:
        """Circumstances before the things; weather and mountains may follow a comma."""
        before, after = self._around(content, rng)
        if manner == LOOSE and content.mentions and before and rng.random() < 0.15:  # "红房子在海边"
            place, when = before[-1], "".join(before[:-1])
            if content.place and when != place:
                return "，".join([f"{self._head(content, rng, manner)}在{place}", *([when] if when else []), *after])
        head = self._head(content, rng, manner)
        if manner == LOOSE and before and rng.random() < 0.04:
            return "，".join(["".join(before) + head, *after])  # without 的
        return "，".join([f"{''.join(before)}的{head}" if before else head, *after])

    def request(self, content: CaptionContent, rng: np.random.Generator) -> str:
        before, after = self._around(content, rng)
        head = self._head(content, rng, LOOSE, measured=rng.random() < 0.7)
        words = pick(REQUESTS, rng).format(f"{''.join(before)}的{head}" if before else head)
        return "，".join([words.removesuffix("？"), *after]) + ("？" if words[-1] == "？" else "")

    def scene_first(self, content: CaptionContent, rng: np.random.Generator) -> str:
        before, after = self._around(content, rng)
        head = self._head(content, rng, PLAIN, measured=rng.random() < 0.8, relate=False)
        if not before or not content.mentions:
            return "，".join([*before, *after, head] if content.mentions else [*before, head, *after])
        draw = rng.random()
        start = ("，" if draw < 0.3 else "").join(before)
        if draw < 0.75 and content.place:
            return "，".join([f"{start}有{head}", *after])
        return "，".join([start, *(after if draw < 0.85 else ()), head, *(after if draw >= 0.85 else ())])

    def statement(self, content: CaptionContent, rng: np.random.Generator) -> str:
        """A clause for the relation or the colour: "红猫在蓝房子前面", "蓝房子前面有一只红猫", "狗是棕色的"."""
        if not content.mentions:
            return self.sentence(content, rng, LOOSE)
        before, after = self._around(content, rng)
        rest, draw = list(content.mentions), rng.random()
        if content.relation:
            i, name, j = content.relation
            one, other, where = content.mentions[i], content.mentions[j], pick(RELATIONS[name], rng)
            rest = [mention for k, mention in enumerate(content.mentions) if k not in (i, j)]
            near = self._group(other, rng, PLAIN, measured=draw < 0.1) + where
            if draw < 0.4:
                clause = f"{near}有{self._group(one, rng, PLAIN, measured=draw < 0.3)}"
            elif draw < 0.55 and one.colour and one.kind != PERSON:
                clause = f"{self._coloured(one, rng)}，在{near}"
            else:
                clause = f"{self._group(one, rng, PLAIN, measured=draw < 0.8)}在{near}"
        else:
            one = rest.pop(0)
            clause = (
                self._coloured(one, rng)
                if one.colour and one.kind != PERSON
                else self._group(one, rng, PLAIN, measured=True)
            )
        others = [self._group(mention, rng, PLAIN, measured=True) for mention in rest]
        also = [f"还有{self._joined(others, '和')}"] if others else []
        start = "".join(before)
        return "，".join([*([start] if start else []), clause, *also, *after])

    def keywords(self, content: CaptionContent, rng: np.random.Generator) -> list[str]:
        found = self._items(content, rng, BARE, measured=rng.random() < 0.1)
        place = content.place if content.mentions else content.ground
        if place:
            found.append(pick(GROUNDS[place] if rng.random() < 0.6 else PLACES[place], rng))
        if content.time:
            found.append(pick(TIMES[content.time], rng))
        if content.weather:
            found.append(pick(STATES[content.weather], rng))
        if content.mountains:
            found.append(pick(MOUNTAIN_TAGS, rng))
        return found

    def _around(self, content: CaptionContent, rng: np.random.Generator) -> tuple[list[str], list[str]]:
        """What stands before the things, the place last, and what follows them."""
        draw = rng.random()
        before, after = [], []
        if content.time and content.weather and draw < 0.15:
            before.append(self._weather_and_time(content.weather, content.time, rng))
        else:
            if content.weather and draw < 0.5:
                before.append(pick(WEATHERS[content.weather], rng))
            elif content.weather:
                after.append(pick(STATES[content.weather], rng))
            if content.time:
                before.append(pick(TIMES[content.time], rng))
            if len(before) > 1 and rng.random() < 0.5:
                before.reverse()
        if content.mountains:
            if content.mentions and not content.place and rng.random() < 0.3:
                before.append(pick(BEFORE_MOUNTAINS, rng))
            else:
                after.insert(0, pick(MOUNTAINS, rng))
        if content.place and content.mentions:
            before.append(pick(PLACES[content.place], rng))
        return before, after

    def _weather_and_time(self, weather: str, time: str, rng: np.random.Generator) -> str:
        adjective = pick(ADJECTIVES[weather], rng)
        if adjective in SINGLE:
            return SINGLE[adjective].get(time) or f"下{adjective}的{pick(TIMES_OF_DAY[time], rng)}"
        return adjective + pick(TIMES_OF_DAY[time], rng)

    def _head(
        self,
        content: CaptionContent,
        rng: np.random.Generator,
        manner: str,
        measured: bool | None = None,
        relate: bool = True,
    ) -> str:
        if not content.mentions:
            return pick(GROUNDS[content.ground], rng)
        draw = rng.random()
        measured = draw < 0.45 if measured is None else measured
        measured = measured and len(content.mentions) < MANY
        conjunction = "和" if manner == PLAIN or draw < 0.7 else pick(("与", "、", "跟", "还有", "加"), rng)
        return self._joined(self._items(content, rng, manner, measured, relate), conjunction)

    def _joined(self, items: list[str], conjunction: str) -> str:
        *first, last = items
        return conjunction.join(["、".join(first), last]) if first else last

    def _items(
        self, content: CaptionContent, rng: np.random.Generator, manner: str, measured: bool, relate: bool = True
    ) -> list[str]:
        if not (content.relation and relate):
            return [self._group(mention, rng, manner, measured) for mention in content.mentions]
        i, name, j = content.relation
        found = []
        for k, mention in enumerate(content.mentions):
            if k == min(i, j):
                one, other = (
                    content.mentions[i],
                    self._group(content.mentions[j], rng, manner, measured and rng.random() < 0.3),
                )
                found.append(f"{other}{pick(RELATIONS[name], rng)}的{self._group(one, rng, manner, measured)}")
            elif k != max(i, j):
                found.append(self._group(mention, rng, manner, measured))
        return found

    def _group(self, mention: Mention, rng: np.random.Generator, manner: str, measured: bool) -> str:
        noun, number = pick(KINDS[mention.kind], rng), ""
        if mention.number > 1 or measured:
            figure = (
                str(mention.number)
                if mention.number > 1 and manner != PLAIN and rng.random() < 0.2
                else NUMBERS[mention.number]
            )
            measure = "个" if manner == LOOSE and rng.random() < 0.04 else pick(MEASURES[mention.kind], rng)
            number = figure + measure
        draw = rng.random()
        if draw > 0.96 and manner == LOOSE and mention.number == 1 and not measured:
            number = "我的" if draw > 0.98 else "那" + pick(MEASURES[mention.kind], rng)
        if dressed(mention, rng):
            assert mention.colour
            clothes = pick(COLOURS[mention.colour], rng) + ("色衣服" if rng.random() < 0.4 else "衣服")
            return f"{number}穿{clothes}的{SIZES.get(mention.size, '')}{noun}"
        if mention.brief:
            colour = COLOURS[mention.colour][0] if mention.colour else ""
            return f"{number}{SIZES.get(mention.size, '')}{colour}{noun}"
        return number + self._described(mention, noun, rng)

    def _described(self, mention: Mention, noun: str, rng: np.random.Generator) -> str:
        """Short words stand close to the noun: "红色的小房子", "巨大的红房子", "小红房子"."""
        draw, size, colour = rng.random(), "", ""
        long = draw < 0.55 or (mention.colour in ("orange", "brown") and draw < 0.9)
        if mention.colour and long:
            colour = pick(LONG_COLOURS[mention.colour], rng)
            if colour[-1] != "色" or draw < 0.4 or len(noun) == 1:
                colour += "的"
        elif mention.colour:
            colour = pick(COLOURS[mention.colour], rng)
        if mention.size not in SIZES:
            return colour + noun
        if rng.random() < 0.25:
            return pick(LONG_SIZES[mention.size], rng) + colour + noun
        size = SIZES[mention.size]
        return f"{colour.removesuffix('的')}的{size}{noun}" if long and mention.colour else size + colour + noun

    def _coloured(self, mention: Mention, rng: np.random.Generator) -> str:
        assert mention.colour
        noun, number = pick(KINDS[mention.kind], rng), ""
        if mention.number > 1:
            number = NUMBERS[mention.number] + pick(MEASURES[mention.kind], rng)
        size = SIZES.get(mention.size, "")
        owner = "我的" if rng.random() < 0.3 else ""
        return f"{owner}{number}{size}{noun}是{pick(LONG_COLOURS[mention.colour], rng)}的"
