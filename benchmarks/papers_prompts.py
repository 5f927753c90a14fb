"""Prompts of the project's own writing for the tables of the papers: instructions, news and counselling.

They stand in for Alpaca, tldr_news and MHC, which XPrompt used. Each has at least fifteen words, as there.
"""

INSTRUCTIONS = (
    "Write a short story about a young doctor and an old fisherman who meet every morning at the harbour.",
    "Explain to a child of eight years why the sea is salty but rivers and lakes are mostly not.",
    "List three healthy dinners that a student can cook with rice, eggs and frozen vegetables in twenty minutes.",
    "Write a polite email to my landlord asking him to repair the broken heating in our kitchen before winter.",
    "Give me a plan for a weekend in Lisbon with two small children, a small budget and no car.",
    "Describe the difference between a virus and a bacterium, and say why antibiotics do not help against influenza.",
    "Suggest a name and a slogan for a bakery that sells bread made from old kinds of grain.",
)

NEWS = (
    "Summarize this news in one sentence: The city council of Northfield voted on Tuesday to close the old bridge over "
    "the river for two years. Engineers had found deep cracks in its pillars. Buses will use the motorway instead.",
    "Summarize this news in one sentence: A start-up from Finland has raised forty million euros to build batteries "
    "from sand. The company says that its batteries store heat for months and cost less than lithium ones.",
    "Summarize this news in one sentence: Researchers have trained a small language model on the notes of nurses. It "
    "warns of infections about a day earlier than doctors do, but it also gives many false alarms.",
    "Summarize this news in one sentence: The airline will cancel three hundred flights in July because pilots are "
    "missing. Passengers can rebook without a fee or ask for their money back until the end of the month.",
    "Summarize this news in one sentence: After ten years of work the museum opens its new wing on Saturday. It shows "
    "four hundred paintings that were hidden in a salt mine during the war. Entry is free on the first day.",
    "Summarize this news in one sentence: A storm has damaged the harbour of Port Ellis. Eleven boats sank and the "
    "fish market is closed. Nobody was hurt, since the warning came six hours before the wind.",
    "Summarize this news in one sentence: The maker of the popular photo app changes its prices. Users will pay three "
    "dollars a month for storage that was free until now, and schools pay half of that.",
)

COUNSELLING = (
    "I have been working from home since spring and I hardly speak to anyone. In the evenings I feel empty and cannot "
    "sleep. My friends say I should go out more, but I am too tired. What can I do?",
    "My mother calls me five times a day and gets angry when I do not answer. I love her, but I cannot concentrate at "
    "work any more. How can I tell her without hurting her?",
    "Since the accident last year my hands shake when I sit in a car. My new job needs me to drive every week. I am "
    "afraid that I will lose it. How do I get over this fear?",
    "My partner and I argue about money almost every week. He wants to save for a house and I want to travel while we "
    "are young. We shout and then do not talk for days. Please help us.",
    "I failed my final exam for the second time and I have not told my parents. They pay for my studies and are so "
    "proud. I feel ashamed and think about giving up. What should I do now?",
    "My best friend died two months ago. Everyone says that time heals, but I still cry on the bus and I am angry with "
    "people who laugh. Is something wrong with me?",
)

PROMPTS = {"instructions": INSTRUCTIONS, "news": NEWS, "counselling": COUNSELLING}

DOCUMENTS = (
    (
        "The village of Marrow lies on an island in the north. About ninety people live there. The ferry comes on "
        "Mondays and Fridays. In winter it often cannot land because of the waves. The only shop closed in March "
        "when its owner retired. Since then the school teacher sells milk and bread in the afternoon. A new shop "
        "will open next year.",
        "Where do people in Marrow buy bread now, and why?",
    ),
    (
        "Anna bought a used bicycle from a shop near the station. The seller said that the brakes were new. After "
        "two days the front brake broke on a hill. She was not hurt, but her phone fell and its screen cracked. "
        "The shop repaired the brake for free. It refused to pay for the phone. Anna has written to a consumer "
        "office.",
        "What did the shop refuse, and what has Anna done?",
    ),
    (
        "Bees find flowers by colour and by smell. They see blue and yellow well, but red looks black to them. A "
        "bee that has found many flowers dances in the hive. The direction of the dance shows where the flowers "
        "are. Its length shows how far away they are. Rain and strong wind keep bees at home. A hive can have "
        "fifty thousand bees.",
        "How does a bee tell the others where flowers are?",
    ),
    (
        "The museum in Oldham was built in 1911 as a bank. Thick walls keep it cool in summer. Its most famous "
        "picture shows a storm at sea. The picture was stolen in 1987 and came back two years later by post. "
        "Nobody was ever punished. Today an alarm protects it. Students can visit the museum for free on "
        "Wednesdays.",
        "What happened to the famous picture?",
    ),
    (
        "Our company sells tea on the internet. In May the number of orders fell by a third. The prices had not "
        "changed. A survey showed that customers could not find the button for payment on their phones. The button "
        "was moved to the top in June. Orders rose again within a week. We also plan a shop in Leeds.",
        "Why did orders fall in May, and how was that mended?",
    ),
    (
        "The river Tarn floods its valley almost every spring. Farmers there plant late, in May. In 2019 the flood "
        "came in June and destroyed the young plants. The state paid half of the loss. After that a wall of four "
        "kilometres was built. It has held three floods so far. Fishermen complain that the wall keeps fish out of "
        "the meadows.",
        "Why was the wall built, and who complains about it?",
    ),
    (
        "Doctor Reed works in a small hospital in the hills. It has twelve beds and one ambulance. The nearest "
        "city is three hours away. Last winter snow closed the road for nine days. A helicopter brought medicine "
        "twice. Doctor Reed then asked the ministry for a second generator. The ministry agreed, and it will be "
        "delivered in August.",
        "What did Doctor Reed ask for after the snow?",
    ),
    (
        "The new tram line opened on the first of September. It connects the airport with the university. A ride "
        "takes forty minutes and costs two euros. In the first week the trams were often late. The reason was a "
        "software error at two crossings. Engineers corrected it on Sunday. Since then nine of ten trams are on "
        "time.",
        "Why were the trams late in the first week?",
    ),
)
"""Documents with a question that some of their sentences answer: they stand in for SQuAD, XSUM and CNN/DailyMail."""
