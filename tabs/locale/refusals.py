"""What may be said when something does not work, in Chinese and German: sentences by their English templates.

The studio's errors speak English, whoever hears them: a page, a log, a command line. The page finds the template that
a sentence was made from, and says the same in the page's language; what stands in the holes is looked up, too. A test
finds every sentence that `studio/` and `tabs/` can raise and holds this table to it.
"""

from __future__ import annotations

import re
from functools import cache

from tabs.locale.words import LANGUAGES, WORDS

TEMPLATES: dict[str, tuple[str, str]] = {
    "{field} is {value}; expected {expected}.": (
        "{field}为 {value}；应为{expected}。",
        "{field} ist {value}; erwartet: {expected}.",
    ),
    "{field} is missing; expected {expected}.": (
        "缺少{field}；应为{expected}。",
        "{field} fehlt; erwartet: {expected}.",
    ),
    # what is expected of a field
    "a whole number from {least} to {most}": ("{least} 到 {most} 的整数", "eine ganze Zahl von {least} bis {most}"),
    "a number from {least} to {most}": ("{least} 到 {most} 的数", "eine Zahl von {least} bis {most}"),
    "a multiple of {multiple} from {least} to {most}": (
        "{least} 到 {most} 之间 {multiple} 的倍数",
        "ein Vielfaches von {multiple} von {least} bis {most}",
    ),
    "a multiple of {multiple} from {least} to {most}, as it is drawn in two stages": (
        "{least} 到 {most} 之间 {multiple} 的倍数，因为分两步绘制",
        "ein Vielfaches von {multiple} von {least} bis {most}, da es in zwei Stufen gezeichnet wird",
    ),
    "The pack {pack} draws in one stage; switch the second one off or choose another pack.": (
        "模型包 {pack} 只分一步绘制；请关闭第二步，或换一个模型包。",
        "Das Paket {pack} zeichnet in einer Stufe; schalten Sie die zweite aus oder wählen Sie ein anderes Paket.",
    ),
    "a multiple of {multiple}: two pictures side by side": (
        "{multiple} 的倍数：两张图并排",
        "ein Vielfaches von {multiple}: zwei Bilder nebeneinander",
    ),
    "{least} to {most} with {sampler}": ("使用 {sampler} 时 {least} 到 {most}", "{least} bis {most} mit {sampler}"),
    "{least} to {most} with {sampler} on {schedule}": (
        "使用 {sampler}（{schedule}）时 {least} 到 {most}",
        "{least} bis {most} mit {sampler} auf {schedule}",
    ),
    "{least} to {most} of them": ("{least} 到 {most} 个", "{least} bis {most} davon"),
    "the name that an answer gave, or nothing": (
        "某个应答给出的名称，或留空",
        "der Name, den eine Antwort genannt hat, oder nichts",
    ),
    "a request as an answer holds it": ("应答中所含的请求", "eine Anfrage, wie eine Antwort sie enthält"),
    "a list of pictures' names": ("图片名称的列表", "eine Liste von Bildnamen"),
    "a picture as base64 text, the name of one that was drawn here, or the digest of one that was uploaded": (
        "base64 文本形式的图片、此处所画图片的名称，或已上传图片的摘要",
        "ein Bild als base64-Text, der Name eines hier gezeichneten oder die Prüfsumme eines hochgeladenen",
    ),
    "one of: {names}": ("以下之一：{names}", "eines von: {names}"),
    "one of the fields {names}": ("以下字段之一：{names}", "eines der Felder {names}"),
    "a value": ("一个值", "ein Wert"),
    "text": ("文字", "Text"),
    "true or false": ("是或否", "wahr oder falsch"),
    "at most {most} characters, not {count}": (
        "最多 {most} 个字符，而不是 {count} 个",
        "höchstens {most} Zeichen, nicht {count}",
    ),
    "text without null characters and broken surrogates": (
        "不含空字符和残缺代理对的文字",
        "Text ohne Nullzeichen und zerrissene Zeichenpaare",
    ),
    "64 hexadecimal digits, the SHA-256 of an image": (
        "64 位十六进制数字，即图片的 SHA-256",
        "64 hexadezimale Ziffern, der SHA-256 eines Bildes",
    ),
    "a name of at most {most} characters": ("最多 {most} 个字符的名称", "ein Name von höchstens {most} Zeichen"),
    "the name that this studio gave it; please load the page again": (
        "工作室分配的名称；请重新载入页面",
        "der Name, den dieses Studio vergeben hat; bitte die Seite neu laden",
    ),
    "a mask of the picture's shape, {size}": (
        "与图片形状相同的蒙版，{size}",
        "eine Maske von der Form des Bildes, {size}",
    ),
    "a mask; POST /studio/sources/DIGEST/mask takes one for the picture of that digest": (
        "蒙版；POST /studio/sources/DIGEST/mask 接受该摘要所指图片的蒙版",
        "eine Maske; POST /studio/sources/DIGEST/mask nimmt eine für das Bild dieses Digests",
    ),
    "the picture's, times {scale}": ("图片的 {scale} 倍", "das {scale}-Fache des Bildes"),
    "a picture of at most a megapixel; make it smaller first": (
        "不超过一百万像素的图片；请先缩小",
        "ein Bild von höchstens einem Megapixel; bitte erst verkleinern",
    ),
    "a picture at both ends, or none: bring a second one, or remove the one that is there": (
        "两端都有图片，或都没有：请补上第二张，或移除已有的那张",
        "ein Bild an beiden Enden oder an keinem: bringen Sie ein zweites, oder entfernen Sie das eine",
    ),
    "two pictures, or words at both ends": (
        "两张图片，或两端都有文字",
        "zwei Bilder, oder Worte an beiden Enden",
    ),
    "what is in the box, in 1 to {most} characters": (
        "用 1 到 {most} 个字符说明方框中的内容",
        "was im Rahmen ist, in 1 bis {most} Zeichen",
    ),
    "four numbers: x0, y0, x1, y1": ("四个数：x0、y0、x1、y1", "vier Zahlen: x0, y0, x1, y1"),
    "fractions of the picture, from 0 to 1, not pixels": (
        "画面的比例（0 到 1），而不是像素",
        "Anteile des Bildes von 0 bis 1, keine Pixel",
    ),
    "x0 < x1 and y0 < y1, with sides of at least {least}": (
        "x0 < x1 且 y0 < y1，边长至少 {least}",
        "x0 < x1 und y0 < y1, mit Seiten von mindestens {least}",
    ),
    'an object {"phrase": "a red house", "box": [x0, y0, x1, y1]} for each': (
        '每个方框一个对象 {"phrase": "红房子", "box": [x0, y0, x1, y1]}',
        'je ein Objekt {"phrase": "ein rotes Haus", "box": [x0, y0, x1, y1]}',
    ),
    'a JSON list of {"phrase": "a red house", "box": [x0, y0, x1, y1]}': (
        '由 {"phrase": "红房子", "box": [x0, y0, x1, y1]} 组成的 JSON 列表',
        'eine JSON-Liste aus {"phrase": "ein rotes Haus", "box": [x0, y0, x1, y1]}',
    ),
    "{expected}, at most {most} characters": ("{expected}，最多 {most} 个字符", "{expected}, höchstens {most} Zeichen"),
    "{size}, the size in the request": ("{size}，即请求中的尺寸", "{size}, die Größe in der Anfrage"),
    "{size} divided by {scale}, as in the request": (
        "{size} 除以 {scale}，与请求一致",
        "{size} geteilt durch {scale}, wie in der Anfrage",
    ),
    "a picture and a mask that are there; please give them again": (
        "仍然存在的图片和蒙版；请重新提供",
        "ein Bild und eine Maske, die noch da sind; bitte noch einmal geben",
    ),
    "a picture that is there; please give it again": (
        "仍然存在的图片；请重新提供",
        "ein Bild, das noch da ist; bitte noch einmal geben",
    ),
    "some part of the picture painted over": ("图片的某一部分被涂抹", "eine übermalte Stelle im Bild"),
    "a picture: choose one, or drop one on the frame": (
        "一张图片：请选择，或拖到框中",
        "ein Bild: wählen Sie eines, oder ziehen Sie eines auf den Rahmen",
    ),
    "at least one: draw it on the canvas and say what is in it": (
        "至少一个：在画布上画出并写明内容",
        "mindestens einer: auf der Leinwand aufziehen und sagen, was darin ist",
    ),
    # pictures that people bring, and pictures that are there
    "The file has {size} MB; pictures of at most {most} MB are taken.": (
        "文件有 {size} MB；最多接受 {most} MB 的图片。",
        "Die Datei hat {size} MB; Bilder bis {most} MB werden angenommen.",
    ),
    "The file cannot be read as a picture ({kind}); a whole PNG, JPEG or WebP file was expected.": (
        "无法将文件读作图片（{kind}）；应为完整的 PNG、JPEG 或 WebP 文件。",
        "Die Datei lässt sich nicht als Bild lesen ({kind}); erwartet wurde eine ganze PNG-, JPEG- oder WebP-Datei.",
    ),
    "The file is {format}; a PNG, JPEG or WebP file was expected. Please save the picture as one of these.": (
        "文件是 {format}；应为 PNG、JPEG 或 WebP 文件。请将图片另存为其中一种。",
        "Die Datei ist {format}; erwartet wurde eine PNG-, JPEG- oder WebP-Datei. Bitte als solche sichern.",
    ),
    "The file ends before its picture does; a whole PNG, JPEG or WebP file was expected.": (
        "文件不完整，图片缺了一部分；应为完整的 PNG、JPEG 或 WebP 文件。",
        "Die Datei endet vor ihrem Bild; erwartet wurde eine ganze PNG-, JPEG- oder WebP-Datei.",
    ),
    # what else a file may be
    "empty": ("空的", "leer"),
    "sound": ("音频", "Ton"),
    "a film": ("视频", "ein Film"),
    "a QuickTime film": ("QuickTime 视频", "ein QuickTime-Film"),
    "a document": ("文档", "ein Dokument"),
    "ZIP, or a document": ("ZIP 或文档", "ZIP oder ein Dokument"),
    "a camera's raw file": ("相机原始文件", "die Rohdatei einer Kamera"),
    "a camera's raw file (CR3)": ("相机原始文件（CR3）", "die Rohdatei einer Kamera (CR3)"),
    "TIFF or a camera's raw file": ("TIFF 或相机原始文件", "TIFF oder die Rohdatei einer Kamera"),
    "The picture is {size}; sides of {least} to {most} pixels are taken.": (
        "图片尺寸为 {size}；边长应为 {least} 到 {most} 像素。",
        "Das Bild ist {size}; Seiten von {least} bis {most} Pixeln werden angenommen.",
    ),
    "The picture has {size} megapixels; at most {most} are taken.": (
        "图片有 {size} 百万像素；最多 {most}。",
        "Das Bild hat {size} Megapixel; höchstens {most} werden angenommen.",
    ),
    "The canvas grows by four whole numbers of pixels: left, top, right, bottom.": (
        "扩大画布需要四个整数像素值：左、上、右、下。",
        "Die Leinwand wächst um vier ganze Pixelzahlen: links, oben, rechts, unten.",
    ),
    "This is a mask and not a picture.": ("这是蒙版，不是图片。", "Das ist eine Maske und kein Bild."),
    "There is no such picture (any more).": ("没有这张图片（或已不存在）。", "Dieses Bild gibt es nicht (mehr)."),
    "There is no trajectory of this picture (any more).": (
        "没有这张图片的影片（或已不存在）。",
        "Von diesem Bild gibt es keinen Film (mehr).",
    ),
    "A picture that this one is made from is not in the data folder (any more).": (
        "此图所用的原图不在数据文件夹中（或已不存在）。",
        "Ein Bild, aus dem dieses entstand, ist nicht (mehr) im Datenordner.",
    ),
    "A picture that this one is made from is damaged on the disk.": (
        "此图所用的原图在磁盘上已损坏。",
        "Ein Bild, aus dem dieses entstand, ist auf der Platte beschädigt.",
    ),
    "Animations come as {kinds}.": ("影片格式为 {kinds}。", "Filme gibt es als {kinds}."),
    "An animation has from 2 to {most} pictures.": (
        "影片包含 2 到 {most} 张图片。",
        "Ein Film hat 2 bis {most} Bilder.",
    ),
    "Pictures of different sizes make no animation.": (
        "尺寸不同的图片无法制成影片。",
        "Bilder verschiedener Größe ergeben keinen Film.",
    ),
    "From 2 to {most} pictures can be compared.": (
        "可比较 2 到 {most} 张图片。",
        "2 bis {most} Bilder lassen sich vergleichen.",
    ),
    "Pictures of different sizes cannot be compared.": (
        "尺寸不同的图片无法比较。",
        "Bilder verschiedener Größe lassen sich nicht vergleichen.",
    ),
    "{count} pictures of this size are too many to compare at once.": (
        "这种尺寸的图片一次比较 {count} 张太多。",
        "{count} Bilder dieser Größe sind zu viele für einen Vergleich.",
    ),
    "The OpenCV on this machine cannot write WebM.": (
        "这台机器上的 OpenCV 无法写入 WebM。",
        "OpenCV auf diesem Rechner kann kein WebM schreiben.",
    ),
    "There is no such example.": ("没有这个示例。", "Dieses Beispiel gibt es nicht."),
    "This picture is not there any more.": ("这张图片已不存在。", "Dieses Bild ist nicht mehr da."),
    "{name} cannot be read as a PNG ({kind}).": (
        "无法将 {name} 读作 PNG（{kind}）。",
        "{name} lässt sich nicht als PNG lesen ({kind}).",
    ),
    "{name} carries no recipe; it was not made by a program that writes one, or lost it on the way.": (
        "{name} 不含配方：它并非由会写入配方的程序制作，或配方已丢失。",
        "{name} trägt kein Rezept: Es stammt von keinem Programm, das eines schreibt, oder hat es verloren.",
    ),
    "The recipe has format {format}; this version reads format {known}.": (
        "配方格式为 {format}；此版本读取格式 {known}。",
        "Das Rezept hat das Format {format}; diese Version liest {known}.",
    ),
    "{name} cannot be read as a picture ({kind}).": (
        "{name} 无法作为图片读取（{kind}）。",
        "{name} ist nicht als Bild lesbar ({kind}).",
    ),
    "The file cannot be read as a picture ({kind}).": (
        "文件无法作为图片读取（{kind}）。",
        "Die Datei ist nicht als Bild lesbar ({kind}).",
    ),
    "This picture's parameters have {count} characters; at most {most} are read.": (
        "此图的参数有 {count} 个字符；最多读取 {most} 个。",
        "Die Angaben dieses Bildes haben {count} Zeichen; höchstens {most} werden gelesen.",
    ),
    "This picture's parameters lack something or cannot be read ({kind}).": (
        "此图的参数不完整或无法读取（{kind}）。",
        "Den Angaben dieses Bildes fehlt etwas, oder sie sind unlesbar ({kind}).",
    ),
    "The recipe in this picture has {count} characters; at most {most} are read.": (
        "此图中的配方有 {count} 个字符；最多读取 {most} 个。",
        "Das Rezept in diesem Bild hat {count} Zeichen; höchstens {most} werden gelesen.",
    ),
    "The recipe has another format; this version reads format {format}.": (
        "配方为其他格式；此版本读取格式 {format}。",
        "Das Rezept hat ein anderes Format; diese Version liest Format {format}.",
    ),
    "The graph in this picture is too large.": ("此图中的工作流过大。", "Der Graph in diesem Bild ist zu groß."),
    "Other exports and imports are still under way. Please wait until they are done.": (
        "其他导出和导入仍在进行，请等待其完成。",
        "Andere Exporte und Importe laufen noch. Bitte warten Sie, bis sie fertig sind.",
    ),
    "The ZIP has more than {most} files; please import it in parts.": (
        "ZIP 中的文件超过 {most} 个；请分批导入。",
        "Das ZIP hat mehr als {most} Dateien; bitte in Teilen einlesen.",
    ),
    "The file cannot be read as a ZIP ({kind}).": (
        "文件无法作为 ZIP 读取（{kind}）。",
        "Die Datei ist nicht als ZIP lesbar ({kind}).",
    ),
    "The file cannot be read from the ZIP ({kind}).": (
        "无法从 ZIP 中读取该文件（{kind}）。",
        "Die Datei ist nicht aus dem ZIP lesbar ({kind}).",
    ),
    "The file cannot be read ({reason}).": ("文件无法读取（{reason}）。", "Die Datei ist nicht lesbar ({reason})."),
    "The file is larger than {most} MB.": ("文件大于 {most} MB。", "Die Datei ist größer als {most} MB."),
    "The file is no ZIP; a ZIP of pictures with recipes was expected.": (
        "该文件不是 ZIP；应为含配方图片的 ZIP。",
        "Die Datei ist kein ZIP; erwartet wurde ein ZIP aus Bildern mit Rezepten.",
    ),
    "The file to import is not here (any more); please choose it again.": (
        "要导入的文件不在此处（或已不在）；请重新选择。",
        "Die einzulesende Datei ist nicht (mehr) hier; bitte wählen Sie sie noch einmal.",
    ),
    "The disk of this studio is full: {megabytes} MB are left. Nothing was begun.": (
        "本工作室的磁盘已满：仅剩 {megabytes} MB。没有开始任何工作。",
        "Die Platte dieses Studios ist voll: {megabytes} MB sind übrig. Nichts wurde begonnen.",
    ),
    "This could not be done ({kind}); the log says more.": (
        "未能完成（{kind}）；日志中有更多信息。",
        "Das ging nicht ({kind}); das Protokoll sagt mehr.",
    ),
    "There is no such export or import (any more).": (
        "没有（或已没有）这项导出或导入。",
        "Diesen Export oder Import gibt es nicht (mehr).",
    ),
    "The engine is not there yet to look at pictures; please try again in a moment.": (
        "引擎尚未就绪，无法查看图片；请稍后再试。",
        "Die Maschine ist noch nicht so weit, Bilder anzusehen; bitte versuchen Sie es gleich noch einmal.",
    ),
    "This picture has not been looked at so far; please try again in a moment.": (
        "此图尚未被分析；请稍后再试。",
        "Dieses Bild wurde noch nicht angesehen; bitte versuchen Sie es gleich noch einmal.",
    ),
    "The gallery's search by what pictures show needs Storybook's CLIP, which is not there.": (
        "按内容搜索需要 Storybook 的 CLIP，但它不在此处。",
        "Die Suche nach dem, was Bilder zeigen, braucht Storybooks CLIP; es ist nicht da.",
    ),
    "Pictures cannot be looked at ({kind}); the log says more.": (
        "无法分析图片（{kind}）；日志中有更多信息。",
        "Bilder können nicht angesehen werden ({kind}); das Protokoll sagt mehr.",
    ),
    "The job was cancelled.": ("任务已取消。", "Der Auftrag wurde abgebrochen."),
    "The job ended without a picture.": ("任务结束但没有图片。", "Der Auftrag endete ohne Bild."),
    "a recipe that was read here": ("在此读取的配方", "ein Rezept, das hier gelesen wurde"),
    "a text of at most {most} characters in one line": (
        "单行、最多 {most} 个字符的文字",
        "ein Text von höchstens {most} Zeichen in einer Zeile",
    ),
    "text of at most {most} characters": ("最多 {most} 个字符的文字", "Text von höchstens {most} Zeichen"),
    "a whole number": ("整数", "eine ganze Zahl"),
    "a whole picture; one that was stopped cannot be made again": (
        "完整的图片；中途停止的图片无法重新绘制",
        "ein ganzes Bild; ein angehaltenes lässt sich nicht neu zeichnen",
    ),
    "at most {most} of them": ("最多 {most} 个", "höchstens {most} davon"),
    "some of: {names}": ("以下中的若干：{names}", "einige von: {names}"),
    "The recipe in this picture is damaged ({kind}).": (
        "此图中的配方已损坏（{kind}）。",
        "Das Rezept in diesem Bild ist beschädigt ({kind}).",
    ),
    "The recipe in this picture cannot be used: {error}": (
        "此图中的配方无法使用：{error}",
        "Das Rezept in diesem Bild ist nicht verwendbar: {error}",
    ),
    "This picture's text holds no generation parameters.": (
        "此图的文字中没有生成参数。",
        "Der Text dieses Bildes enthält keine Angaben zum Erzeugen.",
    ),
    "This picture's parameters cannot be used here: {error}": (
        "此图的参数在此无法使用：{error}",
        "Die Angaben dieses Bildes sind hier nicht verwendbar: {error}",
    ),
    # jobs and the engine
    "{count} of your jobs are waiting already, which is the most.{wait} Please try again later.": (
        "您已有 {count} 个任务在等待，已达上限。{wait}请稍后再试。",
        "{count} Ihrer Aufträge warten schon, mehr geht nicht.{wait} Bitte später noch einmal versuchen.",
    ),
    "{count} jobs from your address are waiting already, which is the most.{wait} Please try again later.": (
        "来自您地址的 {count} 个任务在等待，已达上限。{wait}请稍后再试。",
        "{count} Aufträge von Ihrer Adresse warten schon, mehr geht nicht.{wait} Bitte später noch einmal versuchen.",
    ),
    "{count} jobs are waiting already, which is the most.{wait} Please try again later.": (
        "已有 {count} 个任务在等待，已达上限。{wait}请稍后再试。",
        "{count} Aufträge warten schon, mehr geht nicht.{wait} Bitte später noch einmal versuchen.",
    ),
    " The engine needs about {count} s for them.": (
        "引擎大约需要 {count} 秒。",
        " Die Maschine braucht dafür etwa {count} s.",
    ),
    " The engine needs about {count} min for them.": (
        "引擎大约需要 {count} 分钟。",
        " Die Maschine braucht dafür etwa {count} min.",
    ),
    "This job is no longer known. Its finished pictures are kept in the data folder.": (
        "已不记得这个任务。完成的图片保存在数据文件夹中。",
        "Dieser Auftrag ist nicht mehr bekannt. Seine fertigen Bilder liegen im Datenordner.",
    ),
    "The picture could not be written down; the log says why.": (
        "无法保存图片；原因见日志。",
        "Das Bild konnte nicht gespeichert werden; das Protokoll sagt, warum.",
    ),
    "The picture could not be written to the data folder: {reason}.": (
        "无法将图片写入数据文件夹：{reason}。",
        "Das Bild konnte nicht in den Datenordner geschrieben werden: {reason}.",
    ),
    "The engine ended, or was stuck, while this job was in it, and has been started again. Please try again.": (
        "执行此任务时引擎退出或卡住，已重新启动。请再试一次。",
        "Die Maschine endete oder hing bei diesem Auftrag und wurde neu gestartet. Bitte noch einmal versuchen.",
    ),
    "empty, or one of: {names}": ("留空，或以下之一：{names}", "leer, oder eines von: {names}"),
    "STUDIO_ENGINE is ray, but Ray is not installed: pip install -r requirements-ray.txt": (
        "STUDIO_ENGINE 设为 ray，但没有安装 Ray：pip install -r requirements-ray.txt",
        "STUDIO_ENGINE ist ray, aber Ray ist nicht installiert: pip install -r requirements-ray.txt",
    ),
    "No replica of the engine can be started.": (
        "无法启动任何引擎。",
        "Es lässt sich keine Maschine zum Zeichnen starten.",
    ),
    "{count} engines ended while they were drawing this, so it is not tried again.": (
        "已有 {count} 台引擎在绘制时中断，因此不再重试。",
        "{count} Maschinen sind ausgefallen, während sie dies zeichneten; darum wird es nicht noch einmal versucht.",
    ),
    "Ray cannot be reached or has ended; the log says more.": (
        "无法连接 Ray，或 Ray 已停止；详情见日志。",
        "Ray ist nicht erreichbar oder hat geendet; das Protokoll sagt mehr.",
    ),
    "The engine ended {count} times while it was drawing this, so it is not tried again. "
    "Please ask for something else: another size, or fewer pictures.": (
        "引擎绘制此内容时退出了 {count} 次，因此不再尝试。请换一种要求：其他尺寸，或更少的图片。",
        "Die Maschine endete dabei {count}-mal, deshalb wird es nicht noch einmal versucht. "
        "Bitte etwas anderes verlangen: eine andere Größe oder weniger Bilder.",
    ),
    "The engine could not take this ({kind}).": (
        "引擎无法接受此任务（{kind}）。",
        "Die Maschine konnte das nicht annehmen ({kind}).",
    ),
    "The engine could not draw this ({kind}); its log says more.": (
        "引擎无法绘制（{kind}）；详情见日志。",
        "Die Maschine konnte das nicht zeichnen ({kind}); ihr Protokoll sagt mehr.",
    ),
    "The picture does not fit in memory, even alone. Try a smaller size.": (
        "即使单独绘制，内存也放不下。请尝试更小的尺寸。",
        "Das Bild passt auch allein nicht in den Speicher. Versuchen Sie eine kleinere Größe.",
    ),
    "Picture {number} ran off to infinity at model call {call}. Try another seed, sampler or a lower guidance.": (
        "第 {number} 张图在第 {call} 次模型调用时数值溢出。请换种子、采样器或降低引导。",
        "Bild {number} lief beim Modellaufruf {call} ins Unendliche. "
        "Versuchen Sie einen anderen Startwert, Sampler oder weniger Führung.",
    ),
    "The picture could not be decoded: its numbers ran off to infinity. Try another seed.": (
        "无法解码图片：数值溢出。请换一个种子。",
        "Das Bild ließ sich nicht dekodieren: Seine Zahlen liefen ins Unendliche. "
        "Versuchen Sie einen anderen Startwert.",
    ),
    "ZeroGPU could not draw this: {reason}": (
        "ZeroGPU 未能完成绘制：{reason}",
        "ZeroGPU konnte das nicht zeichnen: {reason}",
    ),
    "Another studio is using the folder {folder}; give this one another folder with STUDIO_DATA.": (
        "另一个工作室正在使用文件夹 {folder}；请用 STUDIO_DATA 指定其他文件夹。",
        "Ein anderes Studio benutzt den Ordner {folder}; geben Sie diesem mit STUDIO_DATA einen anderen.",
    ),
    "Port {port} is taken; set STUDIO_PORT to another one.": (
        "端口 {port} 已被占用；请把 STUDIO_PORT 设为其他端口。",
        "Port {port} ist vergeben; setzen Sie STUDIO_PORT auf einen anderen.",
    ),
    "Port {port} is not for everybody; set STUDIO_PORT to one above 1023.": (
        "端口 {port} 不对所有人开放；请把 STUDIO_PORT 设为大于 1023 的端口。",
        "Port {port} steht nicht allen frei; setzen Sie STUDIO_PORT auf einen über 1023.",
    ),
    "with this model one of: {names}": ("此模型可用：{names}", "mit diesem Modell eines von: {names}"),
    "empty with this model": ("此模型须留空", "leer bei diesem Modell"),
    "a multiple of {multiple} with this model": (
        "此模型须为 {multiple} 的倍数",
        "ein Vielfaches von {multiple} bei diesem Modell",
    ),
    "{name} is of no family that is known here.": (
        "{name} 不属于本程序认识的模型系列。",
        "{name} gehört zu keiner Modellfamilie, die hier bekannt ist.",
    ),
    "The model predicts {prediction}; one of {known} was expected.": (
        "模型预测 {prediction}；应为 {known} 之一。",
        "Das Modell sagt {prediction} voraus; erwartet war eines von {known}.",
    ),
    "The pack {pack} has no text encoder for this; choose another one.": (
        "模型包 {pack} 没有为此所需的文本编码器；请选择其他的。",
        "Das Paket {pack} hat dafür keinen Text-Encoder; wählen Sie ein anderes.",
    ),
    "The pack's scheduler is not one of flow matching, or of a kind that is not served so far.": (
        "模型包的调度器不是流匹配的，或暂不支持。",
        "Der Scheduler des Pakets ist keiner für Flow Matching oder von einer Art, die noch nicht bedient wird.",
    ),
    "The pack's scheduler has a shift that cannot be right.": (
        "模型包的调度器的 shift 不可能正确。",
        "Der Scheduler des Pakets hat einen shift, der nicht stimmen kann.",
    ),
    "The pack's scheduler has a shift_terminal that cannot be right.": (
        "模型包的调度器的 shift_terminal 不可能正确。",
        "Der Scheduler des Pakets hat ein shift_terminal, das nicht stimmen kann.",
    ),
    "The pack's {model}/config.json has a sample_size of {size}; a whole number was expected.": (
        "模型包的 {model}/config.json 的 sample_size 为 {size}；应为整数。",
        "Die {model}/config.json des Pakets hat eine sample_size von {size}; eine ganze Zahl war erwartet.",
    ),
    "The pack's {autoencoder}/config.json has no block_out_channels that can be right.": (
        "模型包的 {autoencoder}/config.json 没有可能正确的 block_out_channels。",
        "Die {autoencoder}/config.json des Pakets hat keine block_out_channels, die stimmen können.",
    ),
    "an address or a name of this machine": (
        "本机的地址或名称",
        "eine Adresse oder ein Name dieses Rechners",
    ),
    "The page cannot be served; the log says why.": (
        "无法提供页面；日志中有原因。",
        "Die Seite kann nicht bereitgestellt werden; das Protokoll sagt, warum.",
    ),
    "The data folder was written by a newer version of the studio; update this one.": (
        "数据文件夹由更新版本写入；请更新本程序。",
        "Der Datenordner stammt von einer neueren Version; aktualisieren Sie diese.",
    ),
    "The data folder cannot be written to ({reason}).": (
        "无法写入数据文件夹（{reason}）。",
        "In den Datenordner kann nicht geschrieben werden ({reason}).",
    ),
    "No tab of this page draws such pictures.": (
        "此页面没有能绘制这种图片的标签页。",
        "Kein Reiter dieser Seite zeichnet solche Bilder.",
    ),
    "From 1 to {most} pictures can be packed at once.": (
        "一次可打包 1 到 {most} 张图片。",
        "Es lassen sich 1 bis {most} Bilder auf einmal packen.",
    ),
    "a list of at most {most} names": ("最多 {most} 个名称的列表", "eine Liste von höchstens {most} Namen"),
    "at most {most} characters": ("最多 {most} 个字符", "höchstens {most} Zeichen"),
    "the last picture's time and name": ("最后一张图片的时间和名称", "Zeit und Name des letzten Bildes"),
    "The studio is being closed. Please try again in a minute.": (
        "工作室正在关闭。请稍后再试。",
        "Das Studio wird gerade geschlossen. Bitte in einer Minute noch einmal.",
    ),
    # the guard in front of the page
    "This took too long and was given up. Please try again later.": (
        "耗时过长，已放弃。请稍后再试。",
        "Das dauerte zu lange und wurde aufgegeben. Bitte später noch einmal versuchen.",
    ),
    "Too many requests are under way. Please try again later.": (
        "正在处理的请求太多。请稍后再试。",
        "Zu viele Anfragen sind unterwegs. Bitte später noch einmal versuchen.",
    ),
    "A request names the one host that it is for.": (
        "请求须指明唯一的主机。",
        "Eine Anfrage nennt den einen Rechner, für den sie ist.",
    ),
    "This server is not known by that name; STUDIO_HOSTS lists those that it has.": (
        "此服务器没有这个名称；STUDIO_HOSTS 列出它的名称。",
        "Unter diesem Namen ist der Server nicht bekannt; STUDIO_HOSTS nennt die seinen.",
    ),
    "Another website's page may not send this.": (
        "其他网站的页面不能发送此请求。",
        "Die Seite einer anderen Website darf das nicht senden.",
    ),
    "The job was stopped.": ("任务已停止。", "Der Auftrag wurde angehalten."),
    "The export was stopped.": ("导出已停止。", "Der Export wurde angehalten."),
    "{name} carries a recipe of more than {most} characters, which is not read.": (
        "{name} 带有超过 {most} 个字符的配方，未被读取。",
        "{name} trägt ein Rezept von mehr als {most} Zeichen; das wird nicht gelesen.",
    ),
    "{file} cannot be read ({kind}). The pictures are safe: move this file away, and they are taken in again at the "
    "next start.": (
        "{file} 无法读取（{kind}）。图片是安全的：移走此文件，下次启动时会重新收录。",
        "{file} kann nicht gelesen werden ({kind}). Die Bilder sind sicher: Diese Datei wegbewegen, dann werden sie "
        "beim nächsten Start wieder aufgenommen.",
    ),
    "true for a dataset, which is made of them": (
        "数据集须为是，因为它由配方构成",
        "wahr für einen Datensatz, der aus ihnen besteht",
    ),
    "There is nothing here.": ("这里什么也没有。", "Hier ist nichts."),
    "The studio could not make sense of this request.": (
        "工作室无法理解这个请求。",
        "Mit dieser Anfrage kann das Studio nichts anfangen.",
    ),
    "Here one may only {methods}.": ("此处只允许 {methods}。", "Hier geht nur {methods}."),
    "The connection ended before the request did.": (
        "连接在请求结束前断开。",
        "Die Verbindung endete vor der Anfrage.",
    ),
    "Too much is being uploaded at once. Please try again later.": (
        "同时上传的内容太多。请稍后再试。",
        "Es wird zu viel auf einmal hochgeladen. Bitte später noch einmal versuchen.",
    ),
    "The request came too slowly.": ("请求发送得太慢。", "Die Anfrage kam zu langsam."),
    "A request to this address has no body.": ("发往此地址的请求没有正文。", "Eine Anfrage hierher hat keinen Inhalt."),
    "This is too large; at most {size} are taken.": (
        "内容太大；最多接受 {size}。",
        "Das ist zu groß; höchstens {size}.",
    ),
    # packs
    "The pack {pack} is not loaded; there is {loaded}.": (
        "模型包 {pack} 未载入；现有 {loaded}。",
        "Das Paket {pack} ist nicht geladen; es gibt {loaded}.",
    ),
    "The pack {pack} cannot be steered by boxes; choose another one.": (
        "模型包 {pack} 不支持方框；请换一个。",
        "Das Paket {pack} lässt sich nicht durch Rahmen lenken; wählen Sie ein anderes.",
    ),
    "The pack {pack} cannot be steered by pictures; choose another one.": (
        "模型包 {pack} 不支持图片提示；请换一个。",
        "Das Paket {pack} lässt sich nicht durch Bilder lenken; wählen Sie ein anderes.",
    ),
    "The pack {pack} cannot compare words with pictures; choose another one.": (
        "模型包 {pack} 无法比较文字与图片；请换一个。",
        "Das Paket {pack} kann Worte nicht mit Bildern vergleichen; wählen Sie ein anderes.",
    ),
    "STUDIO_DEVICE is {device}, but this machine has no CUDA device. Set it to cpu or auto.": (
        "STUDIO_DEVICE 为 {device}，但这台机器没有 CUDA 设备。请设为 cpu 或 auto。",
        "STUDIO_DEVICE ist {device}, aber dieser Rechner hat kein CUDA-Gerät. Setzen Sie es auf cpu oder auto.",
    ),
    "The pack {pack} cannot be loaded ({kind}); the log says more.": (
        "无法载入模型包 {pack}（{kind}）；详情见日志。",
        "Das Paket {pack} lässt sich nicht laden ({kind}); das Protokoll sagt mehr.",
    ),
    "{pack} is not on this machine and could not be downloaded ({kind}). "
    "Go online once, or give the path of a diffusers folder.": (
        "{pack} 不在这台机器上，也无法下载（{kind}）。请联网一次，或给出 diffusers 文件夹的路径。",
        "{pack} ist nicht auf diesem Rechner und ließ sich nicht laden ({kind}). "
        "Gehen Sie einmal online, oder nennen Sie einen diffusers-Ordner.",
    ),
    "The pack {pack} makes pictures larger and nothing else; choose another one.": (
        "模型包 {pack} 只能放大图片；请换一个。",
        "Das Paket {pack} vergrößert Bilder und sonst nichts; wählen Sie ein anderes.",
    ),
    "{file} is no autoencoder for this pack: {reason}": (
        "{file} 不是此模型包的自动编码器：{reason}",
        "{file} ist kein Autoencoder für dieses Paket: {reason}",
    ),
    "Its layers for pictures are of a kind that is not known here; IP-Adapter, Plus and Full are.": (
        "其图片层的类型在此未知；支持 IP-Adapter、Plus 和 Full。",
        "Die Schichten für Bilder sind von einer Art, die hier unbekannt ist; IP-Adapter, Plus und Full sind bekannt.",
    ),
    "{file} holds no LoRA.": ("{file} 不含 LoRA。", "{file} enthält kein LoRA."),
    "{file} fits none of this pack's models.": (
        "{file} 与此模型包的任何模型都不匹配。",
        "{file} passt zu keinem Modell dieses Pakets.",
    ),
    "{file} was trained on EDM's noise levels, which are not served so far.": (
        "{file} 是按 EDM 的噪声水平训练的，目前尚不支持。",
        "{file} wurde mit den Rauschstufen von EDM trainiert, die es hier noch nicht gibt.",
    ),
    "The pack's noise schedule ends in noise alone, of which a model that predicts noise knows nothing.": (
        "模型包的噪声调度以纯噪声结束，而预测噪声的模型对此一无所知。",
        "Der Rauschplan des Pakets endet in reinem Rauschen, von dem ein Modell nichts weiß, das Rauschen vorhersagt.",
    ),
    "more of them with {sampler} and this model": (
        "使用 {sampler} 和此模型时需要更多",
        "mehr davon mit {sampler} und diesem Modell",
    ),
    "{file} is of the kind {kind}, which cannot be drawn with here; "
    "LoRA, LoCon, DoRA, LoHa, LoKr and full differences can.": (
        "{file} 的类型是 {kind}，此处无法使用；支持 LoRA、LoCon、DoRA、LoHa、LoKr 和完整差值。",
        "{file} ist von der Art {kind}, mit der hier nicht gezeichnet werden kann; "
        "mit LoRA, LoCon, DoRA, LoHa, LoKr und ganzen Differenzen geht es.",
    ),
    "{file} holds {name}, which is no part of a LoRA that is known here.": (
        "{file} 含有 {name}，不属于此处已知的 LoRA。",
        "{file} enthält {name}, was zu keinem LoRA gehört, das hier bekannt ist.",
    ),
    "{file} is damaged: what it says of its alphas cannot be read.": (
        "{file} 已损坏：其中关于 alpha 的说明无法读取。",
        "{file} ist beschädigt: Was darin über die Alphas steht, ist nicht lesbar.",
    ),
    "{file} has {count} layers that this pack lacks, such as {name}.": (
        "{file} 有 {count} 个层是此模型包没有的，例如 {name}。",
        "{file} hat {count} Schichten, die diesem Paket fehlen, zum Beispiel {name}.",
    ),
    "{file} is not whole: {part} of {name} is missing.": (
        "{file} 不完整：缺少 {name} 的 {part}。",
        "{file} ist nicht vollständig: {part} von {name} fehlt.",
    ),
    "{file} was made for {family}, and this pack is of another family.": (
        "{file} 是为 {family} 制作的，而此模型包属于另一系列。",
        "{file} wurde für {family} gemacht, und dieses Paket gehört zu einer anderen Familie.",
    ),
    "{file} was made for other models: {name} is of another shape in this pack.": (
        "{file} 是为其他模型制作的：{name} 在此模型包中形状不同。",
        "{file} wurde für andere Modelle gemacht: {name} hat in diesem Paket eine andere Form.",
    ),
    "{file} is damaged: {name} is not finite.": (
        "{file} 已损坏：{name} 不是有限数。",
        "{file} ist beschädigt: {name} ist nicht endlich.",
    ),
    "a file in the folder for LoRAs, which holds: {names}": (
        "LoRA 文件夹中的文件，现有：{names}",
        "eine Datei im Ordner für LoRAs, in dem ist: {names}",
    ),
    "a LoRA for this pack's models ({reason})": (
        "适用于此模型包的 LoRA（{reason}）",
        "ein LoRA für die Modelle dieses Pakets ({reason})",
    ),
    "nothing, as there is no folder for LoRAs here": (
        "留空，因为这里没有 LoRA 文件夹",
        "nichts, denn hier gibt es keinen Ordner für LoRAs",
    ),
    "empty with {sampler}": ("使用 {sampler} 时留空", "leer mit {sampler}"),
    "The pack {pack} cannot do this; choose another one.": (
        "模型包 {pack} 无法完成此任务；请换一个。",
        "Das Paket {pack} kann das nicht; wählen Sie ein anderes.",
    ),
    "0 with {pack}": ("使用 {pack} 时为 0", "0 mit {pack}"),
    "nothing, as {pack} reads no words": ("留空，因为 {pack} 不读取文字", "nichts, denn {pack} liest keine Worte"),
    "The pack {pack} does not see pictures; with less strength it can begin from one. Or choose another one.": (
        "模型包 {pack} 看不懂图片；降低强度可以从图片开始。也可以换一个。",
        "Das Paket {pack} sieht keine Bilder; mit weniger Stärke kann es von einem ausgehen. "
        "Oder wählen Sie ein anderes.",
    ),
    "{pack} is not of the Stable Diffusion family, or one of it that is not served so far.": (
        "{pack} 不属于 Stable Diffusion 系列，或是目前不支持的一种。",
        "{pack} gehört nicht zur Familie Stable Diffusion, oder ist eines davon, das es hier noch nicht gibt.",
    ),
    "{file} is of no family that is known here. Put a diffusers folder with its configuration and tokenizer beside it, "
    "named {name}.": (
        "{file} 不属于已知的任何系列。请在旁边放一个名为 {name} 的 diffusers 文件夹，内含其配置和分词器。",
        "{file} ist von keiner bekannten Familie. Legen Sie einen diffusers-Ordner mit Konfiguration und Tokenizer "
        "daneben, namens {name}.",
    ),
    "{file} does not hold what its family's models need: {reason}": (
        "{file} 缺少该系列模型所需的内容：{reason}",
        "{file} enthält nicht, was die Modelle seiner Familie brauchen: {reason}",
    ),
    "The pack's noise schedule is of a kind that is not served so far.": (
        "目前不支持此模型包的噪声调度。",
        "Der Rauschplan des Pakets ist von einer Art, die es hier noch nicht gibt.",
    ),
    "The pack {pack} is damaged: {key} of its {name} is not finite.": (
        "模型包 {pack} 已损坏：{name} 的 {key} 不是有限数。",
        "Das Paket {pack} ist beschädigt: {key} in {name} ist nicht endlich.",
    ),
    "There is no pack {name}. Give one of {names}, a diffusers folder, a .safetensors file, or a repository on the Hub "
    "with its commit, owner/name@0123abcd...": (
        "没有模型包 {name}。请给出 {names} 之一、diffusers 文件夹、.safetensors 文件，"
        "或 Hub 仓库及其提交号：owner/name@0123abcd...",
        "Es gibt kein Paket {name}. Nennen Sie eines von {names}, einen diffusers-Ordner, eine .safetensors-Datei oder "
        "ein Hub-Repository mit seinem Commit: owner/name@0123abcd...",
    ),
    "There is no pack {pack} here (any more).": (
        "这里没有模型包 {pack}（或已不存在）。",
        "Das Paket {pack} gibt es hier nicht (mehr).",
    ),
    "There is no pack called {pack} ({reason}).": (
        "没有名为 {pack} 的模型包（{reason}）。",
        "Es gibt kein Paket namens {pack} ({reason}).",
    ),
    "The pack {pack} needs {needed} GB, and {free} GB are free. "
    "Wait until other packs are no longer needed, or choose a smaller one.": (
        "模型包 {pack} 需要 {needed} GB，可用 {free} GB。请等待其他模型包不再需要，或选择更小的模型包。",
        "Das Paket {pack} braucht {needed} GB, und {free} GB sind frei. "
        "Warten Sie, bis andere Pakete nicht mehr gebraucht werden, oder wählen Sie ein kleineres.",
    ),
    "{file} is a pickle, which can run any code that its author liked; it is not opened. "
    "Convert it to safetensors, or get it in that form.": (
        "{file} 是 pickle 文件，可能运行其作者写入的任意代码，因此不会打开。请转换为 safetensors 或下载该格式。",
        "{file} ist ein Pickle, das beliebigen Code ausführen kann; es wird nicht geöffnet. "
        "Wandeln Sie es in safetensors um, oder besorgen Sie es in dieser Form.",
    ),
    "The pack has no {file}; a diffusers folder was expected.": (
        "模型包中没有 {file}；应为 diffusers 文件夹。",
        "Das Paket hat kein {file}; erwartet wurde ein diffusers-Ordner.",
    ),
    "The pack's {file} cannot be read: {error}": (
        "无法读取模型包的 {file}：{error}",
        "{file} des Pakets ist nicht lesbar: {error}",
    ),
    "The pack's {file} is too large for a configuration.": (
        "模型包的 {file} 作为配置过大。",
        "{file} des Pakets ist zu groß für eine Konfiguration.",
    ),
    "The pack's {file} has a {name} of {count} values, which cannot be right.": (
        "模型包的 {file} 中 {name} 有 {count} 个值，不可能正确。",
        "In {file} des Pakets hat {name} {count} Werte, was nicht stimmen kann.",
    ),
    "The pack's {file} has a {name} that cannot be right.": (
        "模型包的 {file} 中 {name} 的值不可能正确。",
        "In {file} des Pakets kann {name} nicht stimmen.",
    ),
    "The pack has no weights in {folder}; a .safetensors file was expected there.": (
        "模型包的 {folder} 中没有权重；应有 .safetensors 文件。",
        "Das Paket hat keine Gewichte in {folder}; erwartet wurde eine .safetensors-Datei.",
    ),
    "The pack's {file} names no files.": ("模型包的 {file} 没有列出文件。", "{file} des Pakets nennt keine Dateien."),
    "The pack's {file} names {name}, which is not there.": (
        "模型包的 {file} 列出了不存在的 {name}。",
        "{file} des Pakets nennt {name}, was nicht da ist.",
    ),
    "{file} is no whole safetensors file: {error}": (
        "{file} 不是完整的 safetensors 文件：{error}",
        "{file} ist keine ganze safetensors-Datei: {error}",
    ),
    "{file} holds no tensors.": ("{file} 中没有张量。", "{file} enthält keine Tensoren."),
    "The weights in {folder} lack {names}.": (
        "{folder} 的权重缺少 {names}。",
        "Den Gewichten in {folder} fehlt {names}.",
    ),
    "The weights in {folder} hold {names}, which their configuration has no place for.": (
        "{folder} 的权重含有 {names}，其配置中没有对应位置。",
        "Die Gewichte in {folder} enthalten {names}, wofür ihre Konfiguration keinen Platz hat.",
    ),
    "The pack's {file} is not JSON.": ("模型包的 {file} 不是 JSON。", "{file} des Pakets ist kein JSON."),
    "The model in {folder} cannot be loaded: {error}": (
        "无法载入 {folder} 中的模型：{error}",
        "Das Modell in {folder} lässt sich nicht laden: {error}",
    ),
    "The pack's noise schedule has betas or a number of steps that cannot be right.": (
        "模型包的噪声调度的 beta 或步数不可能正确。",
        "Im Rauschplan des Pakets können die Betas oder die Schrittzahl nicht stimmen.",
    ),
    "The pack's {file} is not a JSON object.": (
        "模型包的 {file} 不是 JSON 对象。",
        "{file} des Pakets ist kein JSON-Objekt.",
    ),
    # the page
    "The studio could not make sense of what this page sent. Please load the page again.": (
        "工作室无法理解此页面发送的内容。请重新载入页面。",
        "Das Studio konnte mit dem, was diese Seite sandte, nichts anfangen. Bitte die Seite neu laden.",
    ),
    # accounts
    "Please log in first.": ("请先登录。", "Bitte zuerst anmelden."),
    "Too many wrong names or passwords came from here. Please try again in 15 minutes.": (
        "此处错误的用户名或密码过多。请 15 分钟后再试。",
        "Von hier kamen zu viele falsche Namen oder Passwörter. Bitte in 15 Minuten noch einmal versuchen.",
    ),
    "A name has up to 64 letters, digits, dots, dashes and @, and no spaces.": (
        "用户名最多 64 个字母、数字、点、连字符和 @，不含空格。",
        "Ein Name hat bis zu 64 Buchstaben, Ziffern, Punkte, Striche und @ und keine Leerzeichen.",
    ),
    "A password has {least} to {most} characters.": (
        "密码须有 {least} 至 {most} 个字符。",
        "Ein Passwort hat {least} bis {most} Zeichen.",
    ),
    "There is no account of this name.": ("没有此名称的账户。", "Es gibt kein Konto dieses Namens."),
    "There is no file of accounts {file}; python -m studio accounts add makes it.": (
        "没有账户文件 {file}；可用 python -m studio accounts add 创建。",
        "Es gibt keine Kontendatei {file}; python -m studio accounts add legt sie an.",
    ),
    "The file of accounts {file} is damaged or cannot be read.": (
        "账户文件 {file} 已损坏或无法读取。",
        "Die Kontendatei {file} ist beschädigt oder nicht lesbar.",
    ),
    # assistants
    "a value; this tool does not do without": (
        "一个值；此工具必须有它",
        "einen Wert; ohne ihn geht dieses Werkzeug nicht",
    ),
    "STUDIO_MCP=1 needs more than is installed: pip install -r requirements-mcp.txt": (
        "STUDIO_MCP=1 还需安装：pip install -r requirements-mcp.txt",
        "STUDIO_MCP=1 braucht mehr, als installiert ist: pip install -r requirements-mcp.txt",
    ),
}

HOLE = re.compile(r"\{(\w+)\}")


@cache
def _patterns() -> list[tuple[re.Pattern[str], tuple[str, str]]]:
    """Templates as patterns; those with most text of their own first."""
    found = []
    for template, texts in TEMPLATES.items():
        pattern = "".join(
            f"(?P<{part}>.*)" if at % 2 else re.escape(part) for at, part in enumerate(HOLE.split(template))
        )
        found.append((len(HOLE.sub("", template)), re.compile(pattern, re.DOTALL), texts))
    found.sort(key=lambda item: -item[0])
    return [(pattern, texts) for _, pattern, texts in found]


def in_language(message: str, language: str) -> str:
    """``message``, an English sentence of the studio's, in ``language``; as it is where there is no such sentence."""
    at = LANGUAGES.index(language)
    if at == 0:
        return message
    for pattern, texts in _patterns():
        if found := pattern.fullmatch(message):
            holes = {name: _in_hole(name, part, language) for name, part in found.groupdict().items()}
            said = texts[at - 1]
            for name, part in holes.items():
                said = said.replace(f"{{{name}}}", part)
            return said
    return message


def _in_hole(name: str, part: str, language: str) -> str:
    """A field is called as on the page; what a person typed stays."""
    if name == "field":
        return WORDS[part][LANGUAGES.index(language)] if part in WORDS else part
    if name == "reason":  # a sentence without its end
        said = in_language(f"{part}.", language)
        return part if said == f"{part}." else said.rstrip(".。")
    return in_language(part, language) if name in ("expected", "error", "wait", "format") else part
