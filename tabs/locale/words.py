"""Every word on the page, in English, Chinese and German: one table, so that nothing is left out of a language.

`WORDS` maps a key to its three texts. Keys that begin with ``live_`` or ``editor_`` are used by the JavaScript of the
live view and the editors.
"""

from __future__ import annotations

import gradio as gr

from studio.sampling.catalogue import SAMPLERS, Sampler

LANGUAGES = ("en", "zh", "de")

WORDS: dict[str, tuple[str, str, str]] = {
    "tab_text_to_image": ("Text to image", "文生图", "Text zu Bild"),
    "tab_text_to_image_about": (
        "Write what you would like to see; it is drawn out of noise, step by step (Rombach et al. 2022).",
        "写下你想看到的画面，它会从噪声中一步步显现（Rombach 等，2022）。",
        "Schreiben Sie, was Sie sehen möchten; es entsteht Schritt für Schritt aus Rauschen (Rombach u. a. 2022).",
    ),
    "tab_layout_to_image": ("Layout to image", "布局生图", "Layout zu Bild"),
    "tab_layout_to_image_about": (
        "Draw boxes and say what is in each; things are drawn where their boxes are (GLIGEN, Li et al. 2023).",
        "画出方框并写明其中的内容，物体会出现在方框所在的位置（GLIGEN，Li 等，2023）。",
        "Zeichnen Sie Rahmen und sagen Sie, was darin ist; alles erscheint an seinem Platz (GLIGEN, Li u. a. 2023).",
    ),
    "layout_hint": ("by the sea at night", "夜晚的海边", "am Meer bei Nacht"),
    "layout_prompt": (
        "What is around the boxes; may be empty. Ctrl+Enter draws, Esc stops",
        "方框周围的景物，可留空。Ctrl+Enter 生成，Esc 停止",
        "Was um die Rahmen herum ist; darf leer sein. Strg+Enter zeichnet, Esc hält an",
    ),
    "grounding": ("Hold of the boxes", "方框约束", "Bindung an die Rahmen"),
    "grounding_hint": (
        "The share of the steps, from the first on, that follow the boxes",
        "从第一步起遵循方框的步数比例",
        "Der Anteil der Schritte, vom ersten an, die den Rahmen folgen",
    ),
    "editor_boxes_hint": (
        "Drag to draw a box, then say what is in it.",
        "拖动画出方框，再写明其中的内容。",
        "Ziehen Sie einen Rahmen auf und sagen Sie, was darin ist.",
    ),
    "editor_boxes_canvas": (
        "Boxes. N adds one, Tab goes through them, arrows move, Shift with arrows resizes, Enter names, "
        "Delete removes, Ctrl+Z takes back.",
        "方框。N 新建，Tab 切换，方向键移动，Shift 加方向键调整大小，Enter 命名，Delete 删除，Ctrl+Z 撤销。",
        "Rahmen. N fügt einen hinzu, Tab geht durch sie, Pfeile verschieben, Umschalt mit Pfeilen ändert die Größe, "
        "Eingabe benennt, Entf löscht, Strg+Z nimmt zurück.",
    ),
    "editor_boxes_phrase": ("What is in box", "方框内容", "Was ist in Rahmen"),
    "editor_boxes_what": ("what is here? a red house", "这里是什么？红房子", "Was ist hier? ein rotes Haus"),
    "editor_boxes_full": ("At most 30 boxes are possible.", "最多 30 个方框。", "Höchstens 30 Rahmen sind möglich."),
    "editor_boxes_bad": (
        'This is no layout. Expected: [{"phrase": "a red house", "box": [0.1, 0.3, 0.5, 0.9]}], as fractions.',
        '这不是布局文件。应为：[{"phrase": "红房子", "box": [0.1, 0.3, 0.5, 0.9]}]，数值为画面的比例。',
        'Das ist kein Layout. Erwartet: [{"phrase": "ein rotes Haus", "box": [0.1, 0.3, 0.5, 0.9]}], als Anteile.',
    ),
    "editor_add": ("Add a box", "添加方框", "Rahmen hinzufügen"),
    "editor_duplicate": ("Duplicate", "复制", "Verdoppeln"),
    "editor_more": ("More", "更多", "Mehr"),
    "editor_forward": ("Forward", "上移一层", "Nach vorn"),
    "editor_backward": ("Backward", "下移一层", "Nach hinten"),
    "editor_remove": ("Delete", "删除", "Löschen"),
    "editor_import": ("Import", "导入", "Importieren"),
    "editor_export": ("Export", "导出", "Exportieren"),
    "editor_background": ("Picture below", "底图", "Bild darunter"),
    "editor_bare": ("No picture below", "去除底图", "Ohne Bild darunter"),
    "tab_inpaint": ("Inpainting", "局部重绘", "Retusche"),
    "tab_inpaint_about": (
        "Paint over what should change, or make the canvas larger; the rest stays as it is, to the byte "
        "(Rombach et al. 2022, section 4.5).",
        "涂抹想要改变的部分，或扩大画布；其余部分逐字节不变（Rombach 等，2022，4.5 节）。",
        "Übermalen Sie, was sich ändern soll, oder vergrößern Sie die Leinwand; alles andere bleibt Byte für Byte "
        "(Rombach u. a. 2022, Abschnitt 4.5).",
    ),
    "inpaint_hint": ("a red house", "红房子", "ein rotes Haus"),
    "only_masked": ("Only the painted part", "仅处理涂抹区域", "Nur die übermalte Stelle"),
    "only_masked_hint": (
        "Draws it at the model's full size: finer in large photographs",
        "以模型的完整尺寸绘制：大照片中更精细",
        "Zeichnet sie in voller Modellgröße: feiner in großen Fotos",
    ),
    "fill": ("Begin from", "起始内容", "Beginnen mit"),
    "fill_hint": (
        "What lies under the paint when drawing begins",
        "开始绘制时涂抹处的内容",
        "Was beim Zeichnen unter der Farbe liegt",
    ),
    "fill_noise": ("Noise", "噪声", "Rauschen"),
    "fill_original": ("The picture", "原图", "Dem Bild"),
    "fill_blur": ("Its surroundings", "周围颜色", "Der Umgebung"),
    "strength": ("Strength", "强度", "Stärke"),
    "strength_hint": (
        "How much may change, unless it begins from noise",
        "允许改变的程度（从噪声开始时无效）",
        "Wie viel sich ändern darf, außer bei Rauschen",
    ),
    "feather": ("Soft edge, pixels", "柔边（像素）", "Weicher Rand, Pixel"),
    "padding": ("Surroundings, pixels", "周边范围（像素）", "Umgebung, Pixel"),
    "editor_hint": (
        "Drop a picture here, paste one, or choose one. PNG, JPEG or WebP, up to 50 megapixels.",
        "拖入、粘贴或选择一张图片。支持 PNG、JPEG、WebP，最高 5000 万像素。",
        "Ziehen Sie ein Bild hierher, fügen Sie es ein oder wählen Sie eines. PNG, JPEG oder WebP, bis 50 Megapixel.",
    ),
    "editor_choose": ("Choose a picture", "选择图片", "Bild wählen"),
    "editor_canvas": (
        "Paint over what should change. B brush, E eraser, brackets change the size, Ctrl+Z takes back.",
        "涂抹想要改变的部分。B 画笔，E 橡皮，方括号调整大小，Ctrl+Z 撤销。",
        "Übermalen, was sich ändern soll. B Pinsel, E Radierer, Klammern ändern die Größe, Strg+Z nimmt zurück.",
    ),
    "editor_brush": ("Brush", "画笔", "Pinsel"),
    "editor_eraser": ("Eraser", "橡皮", "Radierer"),
    "editor_size": ("Size", "大小", "Größe"),
    "editor_undo": ("Undo", "撤销", "Zurück"),
    "editor_redo": ("Redo", "重做", "Wieder"),
    "editor_clear": ("Clear", "清除", "Leeren"),
    "editor_invert": ("Invert", "反选", "Umkehren"),
    "editor_grow": ("Grow", "扩大", "Größer"),
    "editor_shrink": ("Shrink", "缩小", "Kleiner"),
    "editor_load": ("Load a mask", "载入蒙版", "Maske laden"),
    "editor_extend": ("Larger canvas", "扩大画布", "Größere Leinwand"),
    "editor_left": ("Left", "左", "Links"),
    "editor_top": ("Top", "上", "Oben"),
    "editor_right": ("Right", "右", "Rechts"),
    "editor_bottom": ("Bottom", "下", "Unten"),
    "editor_aspect": ("To a shape", "按比例", "Auf ein Format"),
    "editor_loading": ("Loading …", "正在载入……", "Wird geladen …"),
    "editor_offline": (
        "The studio cannot be reached. Please try again.",
        "无法连接工作室，请重试。",
        "Das Studio ist nicht erreichbar. Bitte noch einmal versuchen.",
    ),
    "editor_no_file": (
        "That was no file. Save the picture first, then drop its file here.",
        "拖入的不是文件。请先保存图片，再将文件拖到这里。",
        "Das war keine Datei. Sichern Sie das Bild erst, und ziehen Sie dann die Datei hierher.",
    ),
    "editor_unreadable": (
        "This is a folder, or a file that cannot be read. A PNG, JPEG or WebP file was expected.",
        "这是文件夹或无法读取的文件；应为 PNG、JPEG 或 WebP 文件。",
        "Das ist ein Ordner oder eine unlesbare Datei. Erwartet wurde eine PNG-, JPEG- oder WebP-Datei.",
    ),
    "editor_animated": (
        "This picture moves; its first frame is taken.",
        "这是动图，将使用第一帧。",
        "Dieses Bild bewegt sich; sein erstes Einzelbild wird genommen.",
    ),
    "tab_super_resolve": ("Super-resolution", "超分辨率", "Superauflösung"),
    "tab_super_resolve_about": (
        "More pixels for a picture. What is too small to be seen is invented, anew with each seed; make several to see "
        "where (Rombach et al. 2022, section 4.4).",
        "为图片增加像素。看不清的细节由模型补充，随种子而变；多画几张即可看出差异（Rombach 等，2022，4.4 节）。",
        "Mehr Pixel für ein Bild. Was zu klein ist, wird erfunden, mit jedem Startwert neu; mehrere Bilder zeigen, wo "
        "(Rombach u. a. 2022, Abschnitt 4.4).",
    ),
    "tab_vary": ("Variations", "图像变体", "Variationen"),
    "tab_vary_about": (
        "Pictures like a picture, by what CLIP sees in it (IP-Adapter, Ye et al. 2023), from almost the same to the "
        "same idea; or the interpolation from one picture, or one prompt, to another.",
        "按 CLIP 所见画出相似的图片（IP-Adapter，Ye 等，2023），从几乎相同到同一创意；也可在两张图或两段文字之间插值。",
        "Bilder wie ein Bild, nach dem, was CLIP darin sieht (IP-Adapter, Ye u. a. 2023), von fast gleich bis zur "
        "selben Idee; oder die Interpolation von einem Bild oder einer Beschreibung zu anderen.",
    ),
    "vary_mode": ("What to make", "生成内容", "Was entstehen soll"),
    "vary_mode_vary": ("Variations", "变体", "Variationen"),
    "vary_mode_interpolate": (
        "Interpolate to another picture",
        "插值到另一张图",
        "Zu einem anderen Bild interpolieren",
    ),
    "vary_prompt": (
        "What else should be in it; may be empty",
        "还应包含的内容，可留空",
        "Was noch darin sein soll; darf leer sein",
    ),
    "vary_closeness": ("How close", "相似程度", "Wie nah"),
    "vary_same": ("Almost the same", "几乎相同", "Fast gleich"),
    "vary_like": ("Alike", "相似", "Ähnlich"),
    "vary_idea": ("The same idea", "同一创意", "Dieselbe Idee"),
    "other_prompt": ("Words at the end", "终点的文字", "Worte am Ende"),
    "other_prompt_hint": (
        "May be empty where there are two pictures; with words at both ends, no picture is needed",
        "若有两张图片可留空；若两端都有文字，则不需要图片",
        "Darf bei zwei Bildern leer sein; mit Worten an beiden Enden braucht es keine Bilder",
    ),
    "likeness": ("Likeness", "相像程度", "Ähnlichkeit"),
    "likeness_hint": (
        "How strongly what the picture shows steers; 0 is not at all",
        "图片内容的引导强度；0 为无",
        "Wie stark der Bildinhalt lenkt; 0 ist gar nicht",
    ),
    "vary_strength": ("Strength", "变化强度", "Stärke"),
    "vary_strength_hint": (
        "How much noise covers the picture at the start; 1 begins from noise alone",
        "开始时覆盖图片的噪声量；1 为从纯噪声开始",
        "Wie viel Rauschen das Bild am Anfang bedeckt; 1 beginnt allein mit Rauschen",
    ),
    "tab_forward_process": ("How it works", "工作原理", "So funktioniert es"),
    "tab_forward_process_about": (
        "A denoiser learns from pictures with noise. Left, your picture with more and more of it; right, what the "
        "model takes each for, in one step. Drawing begins where nothing is left to see and takes many such steps "
        "(Sohl-Dickstein et al. 2015, Ho et al. 2020).",
        "去噪模型从加了噪声的图片中学习。左边是噪声越来越多的图片，右边是模型一步猜出的原图。"
        "生成就是从纯噪声开始走许多这样的步（Sohl-Dickstein 等，2015；Ho 等，2020）。",
        "Ein Entrauscher lernt an verrauschten Bildern. Links Ihr Bild mit immer mehr Rauschen, rechts, wofür das "
        "Modell es in einem Schritt hält. Zeichnen beginnt, wo nichts mehr zu sehen ist, und macht viele solche "
        "Schritte (Sohl-Dickstein u. a. 2015, Ho u. a. 2020).",
    ),
    "noise_prompt": (
        "What the model is told of the picture; may be empty",
        "告诉模型的图片内容，可留空",
        "Was das Modell über das Bild erfährt; darf leer sein",
    ),
    "noise_begin": ("From time", "起始时刻", "Von der Zeit"),
    "noise_end": ("To time", "终止时刻", "Bis zur Zeit"),
    "noise_time_hint": (
        "0 is the picture itself, 1 is noise alone",
        "0 为原图，1 为纯噪声",
        "0 ist das Bild selbst, 1 ist nur Rauschen",
    ),
    "trajectory": ("Keep a film of the steps", "保留每一步的影片", "Film der Schritte behalten"),
    "trajectory_hint": (
        "What each step is heading for, as a film; takes longer",
        "把每一步的预测存为影片；会变慢",
        "Worauf jeder Schritt zusteuert, als Film; dauert länger",
    ),
    "scale": ("Enlarge", "放大倍数", "Vergrößern"),
    "consistent": ("True to the picture", "忠于原图", "Dem Bild treu"),
    "consistent_hint": (
        "Corrects the result until it averages down to your picture again",
        "校正结果，使其缩小后与原图一致",
        "Korrigiert das Ergebnis, bis es verkleinert wieder Ihr Bild ergibt",
    ),
    "model": ("Model", "模型", "Modell"),
    "model_cannot": (
        "{model} cannot do this. These can: {others}",
        "{model} 无法完成此任务。可用的模型：{others}",
        "{model} kann das nicht. Diese können es: {others}",
    ),
    "engine": ("The engine", "引擎", "Die Maschine"),
    "engine_device": ("Runs on", "运行于", "Läuft auf"),
    "engine_rows": (
        "Pictures in flight (jobs that wait)",
        "正在绘制的图片（等待的任务）",
        "Bilder in Arbeit (wartende Aufträge)",
    ),
    "engine_inputs": (
        "Model inputs in the last call / at most",
        "上次调用的模型输入 / 上限",
        "Eingaben im letzten Aufruf / höchstens",
    ),
    "engine_steps": ("Steps a second, of all pictures", "每秒步数（所有图片）", "Schritte je Sekunde, aller Bilder"),
    "live_loading": (
        "The model is being loaded: {share} %",
        "正在载入模型：{share}%",
        "Das Modell wird geladen: {share} %",
    ),
    "tab_gallery": ("Gallery", "画廊", "Galerie"),
    "gallery_search": ("Search words, sampler, model …", "搜索文字、采样器、模型……", "Worte, Sampler, Modell suchen …"),
    "gallery_any": ("All tabs", "所有标签页", "Alle Reiter"),
    "gallery_favourites": ("Favourites", "收藏", "Lieblinge"),
    "gallery_bin": ("Bin", "回收站", "Papierkorb"),
    "gallery_all": ("{count} pictures", "共 {count} 张", "{count} Bilder"),
    "gallery_closest": (
        "{count} of {all} pictures, the closest first",
        "{all} 张中的 {count} 张，最接近的在前",
        "{count} von {all} Bildern, die ähnlichsten zuerst",
    ),
    "gallery_chosen": ("{count} chosen", "已选 {count} 张", "{count} gewählt"),
    "gallery_choose": ("Choose", "选择", "Auswählen"),
    "gallery_favour": ("Favourite", "收藏", "Merken"),
    "gallery_unfavour": ("No favourite", "取消收藏", "Nicht mehr merken"),
    "gallery_delete": ("Delete", "删除", "Löschen"),
    "gallery_restore": ("Bring back", "恢复", "Zurückholen"),
    "gallery_none": ("Choose none", "取消选择", "Auswahl aufheben"),
    "gallery_zip": ("Download as ZIP", "下载 ZIP", "Als ZIP laden"),
    "gallery_more": ("Tags, dates, export, import", "标签、日期、导出、导入", "Schlagworte, Daten, Export, Import"),
    "gallery_shows": ("By what they show", "按画面内容", "Nach dem, was sie zeigen"),
    "gallery_alike": ("More like this", "查找相似", "Ähnliche zeigen"),
    "gallery_like": ("Like one picture ✕", "与某图相似 ✕", "Ähnlich wie ein Bild ✕"),
    "gallery_any_tag": ("All tags", "所有标签", "Alle Schlagworte"),
    "gallery_any_collection": ("All collections", "所有合集", "Alle Sammlungen"),
    "gallery_since": ("From", "从", "Von"),
    "gallery_until": ("to", "到", "bis"),
    "gallery_tag": ("Tag …", "添加标签……", "Schlagwort …"),
    "gallery_gather": ("Into a collection …", "加入合集……", "In eine Sammlung …"),
    "gallery_compare": ("Compare the two", "对比两张", "Beide vergleichen"),
    "gallery_tags": ("Tags, with commas", "标签（逗号分隔）", "Schlagworte, mit Kommas"),
    "gallery_collection": ("Collection", "合集", "Sammlung"),
    "gallery_note": ("Note", "备注", "Notiz"),
    "gallery_done": ("Done", "完成", "Fertig"),
    "gallery_open": ("Read a picture's recipe", "读取图片配方", "Rezept eines Bildes lesen"),
    "gallery_import": ("Import a ZIP", "导入 ZIP", "ZIP einlesen"),
    "gallery_export": ("Export", "导出", "Exportieren"),
    "gallery_bare": ("without recipes", "不含配方", "ohne Rezepte"),
    "gallery_form_archive": ("ZIP with recipes", "ZIP（含配方）", "ZIP mit Rezepten"),
    "gallery_form_html": ("Gallery in one HTML file", "单个 HTML 画廊", "Galerie in einer HTML-Datei"),
    "gallery_form_sheet": ("Contact sheet", "缩略图总览", "Kontaktbogen"),
    "gallery_form_dataset": ("Dataset (imagefolder)", "数据集（imagefolder）", "Datensatz (imagefolder)"),
    "gallery_form_jpeg": ("JPEG", "JPEG", "JPEG"),
    "gallery_form_webp": ("WebP", "WebP", "WebP"),
    "gallery_working": ("{done} of {total} …", "{done} / {total}……", "{done} von {total} …"),
    "gallery_exported": ("{count} pictures exported.", "已导出 {count} 张。", "{count} Bilder exportiert."),
    "gallery_taken": (
        "{added} new, {known} known, {failed} without a recipe that can be read.",
        "新增 {added} 张，已有 {known} 张，{failed} 张无法读取配方。",
        "{added} neu, {known} bekannt, {failed} ohne lesbares Rezept.",
    ),
    "gallery_save": ("Save", "保存", "Speichern"),
    "gallery_stop": ("Stop", "停止", "Anhalten"),
    "gallery_unsent": (
        "The file could not be sent; it may be too large.",
        "文件无法发送，可能过大。",
        "Die Datei konnte nicht gesendet werden; vielleicht ist sie zu groß.",
    ),
    "gallery_read": ("A recipe from {program}", "来自 {program} 的配方", "Ein Rezept von {program}"),
    "gallery_lost": (
        "This studio has no place for:",
        "本工作室无法使用：",
        "Dafür hat dieses Studio keinen Platz:",
    ),
    "gallery_send": ("Send to …", "发送到……", "Senden an …"),
    "gallery_replay": ("Draw again and compare", "重新绘制并比较", "Neu zeichnen und vergleichen"),
    "gallery_replaying": ("It is being drawn again …", "正在重新绘制……", "Es wird neu gezeichnet …"),
    "gallery_identical": (
        "Identical, to the last bit.",
        "完全一致，逐位相同。",
        "Identisch, bis aufs letzte Bit.",
    ),
    "gallery_differs": (
        "It differs by at most {largest} of 255, in {share} % of the pixels.",
        "最大相差 {largest}（共 255 级），涉及 {share} % 的像素。",
        "Es weicht um höchstens {largest} von 255 ab, in {share} % der Pixel.",
    ),
    "gallery_because_weights": (
        "The model's weights are not those that drew it.",
        "模型权重与当时不同。",
        "Die Gewichte des Modells sind nicht die von damals.",
    ),
    "gallery_because_company": (
        "The weights are the same; other pictures in the same batch, threads or another device round differently.",
        "权重相同；同批的其他图片、线程数或设备会带来舍入差异。",
        "Die Gewichte sind dieselben; andere Bilder im selben Stapel, Threads oder Geräte runden anders.",
    ),
    "gallery_fact_weights": ("All weights", "全部权重", "Alle Gewichte"),
    "gallery_deleted": (
        "{count} in the bin; they go for good after 30 days.",
        "{count} 张已移入回收站；30 天后彻底删除。",
        "{count} im Papierkorb; nach 30 Tagen sind sie ganz weg.",
    ),
    "gallery_undo": ("Undo", "撤销", "Rückgängig"),
    "gallery_empty": ("Nothing here yet.", "这里还没有图片。", "Hier ist noch nichts."),
    "gallery_use": ("Use again", "再次使用", "Noch einmal verwenden"),
    "gallery_again": ("Run again", "重新运行", "Noch einmal"),
    "gallery_dismiss": ("Dismiss", "忽略", "Verwerfen"),
    "gallery_interrupted": (
        "These were not finished when the studio was closed:",
        "工作室关闭时这些任务尚未完成：",
        "Diese waren nicht fertig, als das Studio endete:",
    ),
    "gallery_copy_prompt": ("Copy the prompt", "复制提示词", "Beschreibung kopieren"),
    "gallery_copy_seed": ("Copy the seed", "复制种子", "Startwert kopieren"),
    "gallery_download": ("Download", "下载", "Herunterladen"),
    "gallery_close": ("Close", "关闭", "Schließen"),
    "gallery_wordless": ("without words", "无提示词", "ohne Worte"),
    "gallery_fact_made": ("Made", "生成时间", "Entstanden"),
    "gallery_fact_size": ("Size", "尺寸", "Größe"),
    "gallery_fact_seed": ("Seed", "种子", "Startwert"),
    "gallery_fact_sampler": ("Sampler, steps", "采样器、步数", "Sampler, Schritte"),
    "gallery_fact_guidance": ("Guidance", "引导", "Führung"),
    "gallery_fact_negative": ("Negative", "反向提示词", "Nicht im Bild"),
    "gallery_fact_model": ("Model", "模型", "Modell"),
    "gallery_fact_seconds": ("Drawn in", "绘制用时", "Gezeichnet in"),
    "live_send": ("Send to …", "发送到……", "Senden an …"),
    "image": ("Picture", "图片", "Bild"),
    "other": ("Second picture", "第二张图片", "Zweites Bild"),
    "boxes": ("Boxes", "方框", "Rahmen"),
    "prompt": ("Prompt", "提示词", "Beschreibung"),
    "prompt_hint": (
        "a red house by the sea at night",
        "夜晚海边的红房子",
        "ein rotes Haus am Meer bei Nacht",
    ),
    "keeps_nothing": (
        "This Space has no storage of its own: everything here is gone when it restarts. Download what you like, or "
        "export it in the gallery.",
        "此 Space 没有持久存储：重启后这里的一切都会消失。请下载喜欢的图片，或在图库中导出。",
        "Dieser Space hat keinen eigenen Speicher: Beim nächsten Start ist alles weg. Laden Sie herunter, was Ihnen "
        "gefällt, oder exportieren Sie es in der Galerie.",
    ),
    "log_out": ("Log out", "退出登录", "Abmelden"),
    "generate": ("Generate", "生成", "Erzeugen"),
    "generate_keys": ("Ctrl+Enter draws, Esc stops", "Ctrl+Enter 生成，Esc 停止", "Strg+Enter zeichnet, Esc hält an"),
    "stop": ("Stop and keep", "停止并保留", "Anhalten, behalten"),
    "discard": ("Discard", "放弃", "Verwerfen"),
    "shape": ("Shape", "画幅", "Format"),
    "shape_square": ("Square", "方形", "Quadrat"),
    "shape_landscape": ("Landscape", "横幅", "Quer"),
    "shape_portrait": ("Portrait", "竖幅", "Hoch"),
    "shape_large": ("Large", "大图", "Groß"),
    "shape_panorama": ("Panorama", "全景", "Panorama"),
    "cascade": ("Large and crisp", "大而清晰", "Groß und scharf"),
    "cascade_hint": (
        "A small picture first, then the same anew with sixteen times its pixels. Off is quicker.",
        "先画一张小图，再以十六倍的像素重画一遍。关闭则更快。",
        "Erst ein kleines Bild, dann dasselbe neu mit sechzehnmal so vielen Pixeln. Ohne geht es schneller.",
    ),
    "draft": ("Draft while typing", "边写边画草图", "Beim Schreiben entwerfen"),
    "draft_hint": (
        "A quick small look at what your words would become; nothing of it is kept",
        "快速预览文字会变成的画面，不会保存",
        "Ein schneller kleiner Blick darauf, was aus Ihren Worten würde; nichts davon wird aufgehoben",
    ),
    "draft_picture": ("A draft of what you write", "根据文字画出的草图", "Ein Entwurf zu Ihren Worten"),
    "count": ("Pictures", "张数", "Bilder"),
    "more": ("More", "更多", "Mehr"),
    "negative": ("Negative prompt", "反向提示词", "Was nicht ins Bild soll"),
    "negative_hint": ("what should not be in the picture", "不希望出现的内容", "zum Beispiel: Wolken"),
    "width": ("Width", "宽度", "Breite"),
    "height": ("Height", "高度", "Höhe"),
    "side_hint": (
        "Each side: 64 to 2048 pixels, in multiples of 8",
        "每边：64 到 2048 像素，8 的倍数",
        "Jede Seite: 64 bis 2048 Pixel, Vielfache von 8",
    ),
    "cascade_side_hint": (
        "Each side, large and crisp: 256 to 2048 pixels, in multiples of 32",
        "每边（大而清晰）：256 到 2048 像素，32 的倍数",
        "Jede Seite, groß und scharf: 256 bis 2048 Pixel, Vielfache von 32",
    ),
    "steps": ("Steps", "步数", "Schritte"),
    "steps_hint": (
        "More take longer; 12 to 20 do for most",
        "越多越慢；多数情况 12 到 20 步足够",
        "Mehr dauern länger; meist genügen 12 bis 20",
    ),
    "guidance": ("Guidance", "引导强度", "Führung"),
    "guidance_hint": (
        "How closely the words are followed; 1 is off",
        "遵循文字的程度；1 为关闭",
        "Wie eng das Bild den Worten folgt; 1 ist aus",
    ),
    "rescale": ("Guidance rescale", "引导重缩放", "Führung dämpfen"),
    "rescale_hint": (
        "Tames the colours of strong guidance",
        "缓和强引导带来的过饱和",
        "Zähmt die Farben starker Führung",
    ),
    "sampler": ("Sampler", "采样器", "Sampler"),
    "schedule": ("Noise schedule", "噪声调度", "Rauschplan"),
    "schedule_own": ("The sampler's own", "采样器自带", "Der des Samplers"),
    "clip_skip": ("CLIP skip", "CLIP 跳层", "CLIP-Schichten auslassen"),
    "clip_skip_hint": (
        "Layers of the text encoder that are left out at its end",
        "略去文本编码器末尾的层数",
        "Wie viele der letzten Schichten des Textmodells wegfallen",
    ),
    "lora": ("Add a LoRA", "添加 LoRA", "LoRA hinzufügen"),
    "lora_hint": (
        "Goes into the prompt, with its strength behind the colon",
        "写入提示词，冒号后为强度",
        "Kommt in die Beschreibung, mit der Stärke hinter dem Doppelpunkt",
    ),
    "begin_from": (
        "Begin from a picture or a second seed",
        "从图片或第二个种子开始",
        "Von einem Bild oder zweiten Startwert aus",
    ),
    "begin_strength": ("How much is drawn anew", "重绘程度", "Wie viel neu gezeichnet wird"),
    "begin_strength_hint": (
        "Little keeps the picture, 1 keeps nothing of it",
        "越小越接近原图，1 则完全重画",
        "Wenig behält das Bild, 1 nichts davon",
    ),
    "variation": ("Variation", "变化程度", "Abwandlung"),
    "variation_hint": (
        "How far towards the second seed; 0 is not at all. The first seed stays, the second counts up",
        "朝第二个种子靠近的程度，0 为无。第一个种子不变，第二个递增",
        "Wie weit zum zweiten Startwert hin; 0 gar nicht. Der erste bleibt, der zweite zählt hoch",
    ),
    "variation_seed": ("Second seed", "第二个种子", "Zweiter Startwert"),
    "eta": ("Eta (DDIM)", "Eta（DDIM）", "Eta (DDIM)"),
    "eta_hint": (
        "Noise added at each DDIM step; 0 is none",
        "DDIM 每步加入的噪声；0 为无",
        "Rauschen je DDIM-Schritt; 0 ist keines",
    ),
    "seed_mode": ("Seed", "种子", "Startwert"),
    "seed_random": ("New each time", "每次新的", "Immer neu"),
    "seed_keep": ("Keep", "固定", "Behalten"),
    "seed": ("Seed number", "种子数值", "Startwert (Zahl)"),
    "seed_hint": (
        "Empty: a new one each time. The same seed and settings draw the same picture",
        "留空则每次用新的。相同种子和设置得到相同的画",
        "Leer: jedes Mal ein neuer. Gleicher Startwert, gleiches Bild",
    ),
    "reuse": ("Use the last seed", "使用上次的种子", "Letzten Startwert nehmen"),
    "take_back": (
        "Bring back what the form held before",
        "恢复表单之前的内容",
        "Zurückholen, was vorher in den Feldern stand",
    ),
    "examples_wordless": ("without words", "无提示词", "ohne Worte"),
    "examples": ("Try one of these", "试试这些", "Zum Ausprobieren"),
    "live_region": ("Pictures", "图片", "Bilder"),
    "live_empty": ("Your picture appears here.", "你的画将出现在这里。", "Hier entsteht Ihr Bild."),
    "live_empty_hint": (
        "Describe a small scene, or take one of the examples.",
        "描述一个小场景，或选择一个示例。",
        "Beschreiben Sie eine kleine Szene, oder nehmen Sie ein Beispiel.",
    ),
    "live_waking": ("The engine is waking up …", "引擎正在启动……", "Die Maschine wacht auf …"),
    "live_preparing": ("Preparing …", "准备中……", "Wird vorbereitet …"),
    "live_finishing": ("Finishing", "收尾中", "Wird fertiggestellt"),
    "live_queued_one": ("1 job ahead of yours", "前面还有 1 个任务", "1 Auftrag vor Ihrem"),
    "live_queued": ("{ahead} jobs ahead of yours", "前面还有 {ahead} 个任务", "{ahead} Aufträge vor Ihrem"),
    "live_step": ("Step {step} of {steps}", "第 {step} / {steps} 步", "Schritt {step} von {steps}"),
    "live_tiles": ("tile {tiles} of {all}", "第 {tiles} / {all} 块", "Kachel {tiles} von {all}"),
    "live_split": ("Before and after", "前后对比", "Vorher und nachher"),
    "live_deviation": (
        "Where the pictures differ: what the model invents",
        "各图的差异之处：模型自行补充的内容",
        "Wo sich die Bilder unterscheiden: was das Modell erfindet",
    ),
    "live_seconds": ("about {seconds} s left", "约剩 {seconds} 秒", "noch etwa {seconds} s"),
    "live_done": ("Done", "完成", "Fertig"),
    "live_stopped": ("Stopped", "已停止", "Angehalten"),
    "live_failed": ("This did not work.", "出错了。", "Das hat nicht geklappt."),
    "live_cut": (
        "The prompt is longer than this model reads; its end has no effect.",
        "提示词超出模型可读的长度，结尾部分不起作用。",
        "Die Beschreibung ist länger, als das Modell liest; ihr Ende bleibt ohne Wirkung.",
    ),
    "live_wordless": (
        "The prompt is empty, so the model draws what it likes. Say in it what you would like to see.",
        "提示词为空，模型会随意作画。请在其中写下你想看到的画面。",
        "Die Beschreibung ist leer, das Modell zeichnet, was es will. Schreiben Sie hinein, was Sie sehen möchten.",
    ),
    "live_again": (
        "An engine was lost; this is drawn again by another one.",
        "一台引擎中断了，正由另一台重新绘制。",
        "Eine Maschine ist ausgefallen; dies zeichnet nun eine andere.",
    ),
    "live_wait": ("starts in about {seconds} s", "约 {seconds} 秒后开始", "beginnt in etwa {seconds} s"),
    "live_replaced": (
        "Read in words that this model knows: {words}",
        "按模型认识的词理解：{words}",
        "In Worten gelesen, die das Modell kennt: {words}",
    ),
    "live_unknown": (
        "This model has never met: {words}",
        "模型不认识：{words}",
        "Diesem Modell unbekannt: {words}",
    ),
    "live_making": ("Film", "影片", "Film"),
    "live_animation": ("The interpolation, as an animation:", "插值动画：", "Die Interpolation als Film:"),
    "live_best": ("Best match first", "最符合的排在前面", "Was am besten passt, zuerst"),
    "live_score": (
        "How well it shows the words: CLIP similarity",
        "与文字的符合程度：CLIP 相似度",
        "Wie gut es die Worte zeigt: CLIP-Ähnlichkeit",
    ),
    "live_download": ("Download", "下载", "Herunterladen"),
    "live_enlarge": ("Enlarge", "放大", "Vergrößern"),
    "live_close": ("Close", "关闭", "Schließen"),
    "live_seed": ("Seed", "种子", "Startwert"),
}

SAMPLER_WORDS: dict[str, tuple[str, str]] = {
    "DPM++ 2M Karras": (
        "全能之选：15 到 25 步即可得到干净的画面。",
        "Der Alleskönner: saubere Bilder in 15 bis 25 Schritten.",
    ),
    "DPM++ 2M": ("同上，时间均匀；步数多时更稳。", "Dasselbe auf gleichmäßigem Raster; ruhiger bei vielen Schritten."),
    "DPM++ 2M SDE Karras": (
        "每步加入新噪声：质感更丰富，建议 25 步以上。",
        "Frisches Rauschen je Schritt: reicher, ab 25 Schritten.",
    ),
    "DPM++ 3M SDE": ("三阶加新噪声；适合 30 步以上。", "Dritte Ordnung mit frischem Rauschen; ab 30 Schritten."),
    "DPM++ 2S": ("单步二阶；低引导时更细致。", "Einschrittig, zweite Ordnung; sorgfältig bei wenig Führung."),
    "UniPC": ("预测加校正，均匀时间网格。", "Vorhersage und Korrektur auf gleichmäßigem Zeitraster."),
    "UniPC Karras": ("预测加校正：少步数时最精确。", "Vorhersage und Korrektur: bei wenigen Schritten am genauesten."),
    "DEIS": ("指数积分器；10 到 20 步效果好。", "Exponentieller Integrator; gut in 10 bis 20 Schritten."),
    "Euler": ("最简单：每步直行。", "Der einfachste: ein gerader Schritt nach dem anderen."),
    "Euler Karras": ("在出现细节处放小步伐的 Euler。", "Euler mit kleinen Schritten, wo Einzelheiten entstehen."),
    "Euler exponential": ("步伐按噪声对数均匀的 Euler。", "Euler, gleichmäßig im Logarithmus des Rauschens."),
    "Euler a": ("每步新噪声：步数不同，画面不同。", "Frisches Rauschen: jede Schrittzahl ein anderes Bild."),
    "Heun": ("Euler 再看一眼：每步两倍计算，步数更少。", "Euler mit zweitem Blick: doppelte Arbeit, weniger Schritte."),
    "Heun Karras": ("在出现细节处放小步伐的 Heun。", "Heun mit kleinen Schritten, wo Einzelheiten entstehen."),
    "DPM2 Karras": ("每步先看中点；计算量两倍。", "Blickt auf die Mitte jedes Schritts; doppelte Arbeit."),
    "DPM2 a": ("带新噪声的 DPM2；计算量两倍。", "DPM2 mit frischem Rauschen; doppelte Arbeit."),
    "LMS Karras": ("记住四步；20 步以上很平滑。", "Erinnert sich an vier Schritte; glatt ab 20."),
    "DDIM": ("潜在扩散的经典；eta 加噪声，0 为确定。", "Der Klassiker; eta fügt Rauschen hinzu, 0 ist fest."),
    "PLMS": ("潜在扩散最早的默认：有记忆的 DDIM。", "Der erste Standard: DDIM mit Gedächtnis."),
    "DDPM": ("最初的方法，每步有噪声；建议 50 步以上。", "Das Original, Rauschen in jedem Schritt; ab 50 Schritten."),
    "SA-Solver": ("随机 Adams：新噪声与长记忆。", "Stochastisches Adams: Rauschen und langes Gedächtnis."),
    "LCM": ("仅用于蒸馏模型：4 到 8 步成画。", "Nur für destillierte Modelle: 4 bis 8 Schritte."),
    "TCD": ("仅用于蒸馏模型：类似 LCM，多步时损失更少。", "Nur für destillierte Modelle: wie LCM, verlustärmer."),
}


def sampler_key(sampler: Sampler) -> str:
    return "sampler_" + "".join(
        letter if letter.isalnum() else "_" for letter in sampler.name.lower().replace("+", "p")
    )


def table() -> dict[str, dict[str, str]]:
    """Language -> key -> text, samplers' lines in the picker included."""
    words = {language: {key: texts[at] for key, texts in WORDS.items()} for at, language in enumerate(LANGUAGES)}
    for sampler in SAMPLERS.values():
        chinese, german = SAMPLER_WORDS.get(sampler.name, (sampler.description,) * 2)
        for language, text in zip(LANGUAGES, (sampler.description, chinese, german), strict=True):
            words[language][sampler_key(sampler)] = f"{sampler.name} — {text}"
    return words


def words_of(*prefixes: str) -> dict[str, dict[str, str]]:
    """The part of the table that a component's JavaScript needs."""
    return {
        language: {key: text for key, text in words.items() if key.startswith(prefixes)}
        for language, words in table().items()
    }


def words_in(key: str, language: str) -> str:
    """The text called ``key`` in ``language``, for what is put together on the server."""
    return WORDS[key][LANGUAGES.index(language)]


say = gr.I18n(**table())
