"""Files as programs write them that can't be run here, by their manuals: python3 by_hand.py writes them beside itself."""
import os
here = os.path.dirname(os.path.abspath(__file__))


def put(name, lines, end="\n", encoding="utf-8", last=True):
    text = end.join(lines) + (end if last else "")
    with open(os.path.join(here, name), "wb") as out:
        out.write(text.encode(encoding))


put("excel-de.csv", ["id;name;amount;day;at;ok", '1;"Müller; Söhne";1234567,5;29.02.2024;01.07.2024 00:30;WAHR', "2;;-0,25;;;", '3;"5"" Rohr";,5;31.12.1999;31.12.1999 23:59;FALSCH'], "\r\n", "cp1252")
put("excel-utf8.csv", ["sep=;", "id;name;amount", '1;"ü; 漢字";1,5', "2;;-0,25", '3;"zwei\nZeilen";1E+20'], "\r\n", "utf-8-sig")
put("excel-unicode.txt", ["id\tname\tamount", '1\t"ü\t漢字"\t1.5', '2\t"a ""b"""\t', "3\t'x'\t1E+20"], "\r\n", "utf-16")
put("excel-mac.csv", ["id,name,day", '1,"a, b",2/29/24', '2,"line', 'two",12/31/99', "3,,"], "\r")
put("google-sheets.csv", ["id,name,amount,day,at,ok", '1,"comma, quote """,1.5,2/29/2024,7/1/2024 0:30:00,TRUE', '2,,,,,', '3,"two\nlines",0.1,12/31/1999,12/31/1999 23:59:59,FALSE'], "\r\n", last=False)
put("libreoffice.csv", ['"id","name","amount","ok"', '1,"a ""b""",1.5,TRUE', '2,"",,', '3,"Zeile\n2",-1E+020,FALSE'])
put("bigquery.csv", ["id,name,amount,at,ok", "1,plain,1.5,2024-07-01 00:30:00 UTC,true", '2,"",NaN,2024-07-01 00:30:00.123456 UTC,false', "3,,-inf,,", '4,"a, ""b""",1.0e+20,1969-12-31 23:59:59 UTC,true'])
put("snowflake.csv", ['"ID","NAME","AMOUNT","AT","OK"', '1,"plain",1.5,"2024-07-01 00:30:00.000 -0700",true', '2,"",\\N,\\N,\\N', '3,\\N,-2.5e-01,"1999-12-31 23:59:59.123 +0000",false', '4,"a, ""b""",0,"2024-01-02 03:04:05.000 +0530",true'])
put("redshift.psv", ["1|plain|1.5|2024-07-01 00:30:00|t", "2||-0.25|\\N|\\N", "3|\\N|\\N|1999-12-31 23:59:59.5|f", "4|pipe \\| back\\\\slash|1e+20|2024-01-02 03:04:05|t", "5|line\\\nbreak \"|0|2024-01-02 03:04:05|f"])
put("sas.csv", ["id,name,amount,day,at", '1,plain,1.5,29FEB2024,01JUL2024:00:30:00', "2,,.,,", '3,"a, ""b""",-0.25,31DEC1999,31DEC1999:23:59:59'], "\r\n")
put("sqlplus.csv", ["", '"ID","NAME","AMOUNT","DAY"', '1,"plain",1.5,"29-FEB-24"', '2,,-.25,', '3,"a, ""b""",1.0E+20,"31-DEC-99"'])
put("gtfs-calendar.txt", ["service_id,monday,sunday,start_date,end_date", "wd,1,0,20240701,20241231", '"we, x",0,1,20240229,20991231'], "\r\n", "utf-8-sig")
put("gtfs-stop-times.txt", ["trip_id,arrival_time,stop_id,stop_sequence,stop_headsign,shape_dist_traveled", "t1,23:59:00,s1,1,,0", 't1,25:10:00,s2,2,"Downtown, ""A""",1.5', "t1, 7:05:00,s3,3,,"], "\r\n", "utf-8-sig", False)
put("fec.txt", ["C00000001|N|SMITH, JOHN \"JACK\"|01152024|2500|", "C00000002|A|O'NEIL \"|12312023|-250|MEMO", "C00000003|N||||"])
put("eurostat.tsv", ["freq,unit,geo\\TIME_PERIOD\t2020 \t2021 \t2022 ", "A,PC,DE\t12.3 \t: \t14 ", "A,PC,\"FR\"\t: \t-1.5 \t1e2 "])
put("sql-server.csv", ["id,name,amount,at,ok", "1,plain,1.5,2024-07-01 00:30:00.000,1", "2,,NULL,NULL,NULL", "3,NULL,-0.25,1999-12-31 23:59:59.997,0", '4,"a, ""b""",.5,2024-01-02 03:04:05.123,1'], "\r\n", "utf-8-sig")
put("salesforce.csv", ['"Id","Name","Amount","CreatedDate","IsClosed"', '"1","plain","1.5","2024-07-01T00:30:00.000+0000","true"', '"2","","","",""', '"3","a, ""b""\n","-0.25","1999-12-31T23:59:59.000+0000","false"'])
put("openflights.dat", ['1,"Goroka Airport","GKA",-6.081689834590001,"U"', '2,"Fort \\"X\\" \\\\ Field",\\N,5282e-2,\\N', '3,"",\\N,,"A, B"'])
put("spaced.csv", ["id , name, note", '1, "a, b" , x ', '  2, "",', '3 ,   "c",  '])
put("one-column.csv", ["name", '""', "a", '"b, c"', '"', '"', "d;e"], last=False)
put("odd-names.csv", ['"order","a ""b""","x, y","漢字","two\nlines","SELECT ",', "1,2,3,4,5,6,", "7,,9,,11,12,"], "\r\n")
put("blank-lines.csv", ["id,name", "", "1,a", "", '2,"', '"', "", ""], "\r\n")
put("latin9.tsv", ["id\tpreis €\tort", "1\t5\tÀ la carte", '2\t\t"Šk\toda"'], "\n", "iso-8859-15")
put("world-bank.csv", ['"Data Source","World Development Indicators",', "", '"Last Updated Date","2024-06-28",', "", '"id","name","amount",', '"1","Aruba","1.5",'], "\r\n", "utf-8-sig")
